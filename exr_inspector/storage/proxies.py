"""Support `NO_PROXY=*` for obstore's client, which accepts host names and networks there, but not `*`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from obstore.store import ClientConfig


def proxy_options(endpoint_url: str) -> ClientConfig:
    """Return options that keep the client from using a proxy if the environment says `no_proxy=*`; otherwise none.

    The client has no option for "no proxy". An explicit proxy makes it ignore the environment, and an exception for the
    endpoint's host, which includes its subdomains, then excludes every request from that proxy.
    """
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if "*" not in (entry.strip() for entry in exceptions.split(",")):
        return {}
    return {"proxy_url": endpoint_url, "proxy_excludes": urlsplit(endpoint_url).hostname or ""}
