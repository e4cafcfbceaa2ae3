"""`NO_PROXY=*` for obstore's client, which knows names and networks there but no `*`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from obstore.store import ClientConfig


def proxy_options(endpoint_url: str) -> ClientConfig:
    """Options that keep the client from using a proxy where the environment says `no_proxy=*`; none otherwise.

    The client has no option for "no proxy at all". Naming a proxy makes it ignore the environment, and an exception for the
    endpoint's host, which covers the hosts below it, then leaves nothing for that proxy to do.
    """
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if "*" not in (entry.strip() for entry in exceptions.split(",")):
        return {}
    return {"proxy_url": endpoint_url, "proxy_excludes": urlsplit(endpoint_url).hostname or ""}
