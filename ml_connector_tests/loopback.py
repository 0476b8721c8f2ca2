"""HTTP for tests whose servers are all on this machine."""

from __future__ import annotations

from typing import Any

import httpx


def client(**options: Any) -> httpx.Client:
    """A client as httpx makes it, but for certificates, which take longer to read than a call, and for proxies."""
    return httpx.Client(**({"timeout": 30, "verify": False, "trust_env": False} | options))


HTTP = client(limits=httpx.Limits(max_keepalive_connections=0))
"""For single calls to servers that come and go: no connection outlives its call."""
