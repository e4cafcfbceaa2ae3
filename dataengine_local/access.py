"""Decides who may call a runtime on this machine: programs may, web pages in a browser may not.

A page can send requests to 127.0.0.1. Browsers put the page's address into `Origin` of every POST, and the name they looked up
into `Host` (which matters when a page's own name is made to resolve to 127.0.0.1). Programs send no `Origin`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

# The name of the host machine within containers.
_CONTAINER_HOST = "host.docker.internal"


def refusal(headers: Mapping[str, str], listening_on: str) -> str | None:
    """Why a request is refused; None if it is accepted.

    Args:
        headers: The request's headers, names in lower case.
        listening_on: The address the runtime listens on. `Host` is checked for loopback addresses only: a
            runtime that listens on another address may be reached under any name of the network.
    """
    origin = headers.get("origin")
    if origin is not None and not _is_local(_host_of(origin), listening_on):
        return "requests of web pages are refused (the header Origin names another host than this one)"
    host = _host_of(f"//{headers.get('host', '')}")
    if _is_loopback(listening_on) and "." in host and not (_is_local(host, listening_on) or _is_address(host)):
        return "the header Host names another host than this one; use 127.0.0.1 or localhost"
    return None


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_local(host: str, listening_on: str) -> bool:
    return host in {"localhost", _CONTAINER_HOST, listening_on} or host.endswith(".localhost") or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
