"""Requests that come by way of other web sites: refused unless they are allowed.

A page in a browser on this machine can send requests to a server that listens to this machine alone, also under a name
of its own that leads here (DNS rebinding).
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["SiteGuard", "loopback_hosts"]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ANY = "*"


def loopback_hosts(host: str, address: str) -> tuple[str, ...]:
    """Return the names under which a server on loopback is asked for; none for one that other machines reach.

    Args:
        host: name that the server was started with.
        address: address that it listens at.
    """
    return (*_LOOPBACK, host) if address.startswith("127.") or address == "::1" else ()


class SiteGuard:
    """Middleware that refuses requests by header `Host` or `Origin`, with status 403.

    Args:
        app: application.
        hosts: names in `Host` that are answered; none allows all.
        allow_hosts: names of this service for its users, such as that of a proxy in front of it.
        allow_origins: web sites whose pages may send requests; "*" is all of them.
    """

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str], allow_hosts: Sequence[str], allow_origins: Sequence[str]
    ) -> None:
        self._app = app
        self._allowed = {host.lower() for host in allow_hosts}
        self._hosts = {host.lower() for host in (*hosts, *allow_hosts)}
        self._origins = set(allow_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        fault = self._fault(headers.get("host", ""), headers.get("origin", ""))
        app = JSONResponse({"detail": fault}, 403) if fault else self._app
        path = scope.get("path", "")
        if len(path) > 1 and path.endswith("/"):  # answered without a redirect, which curl would not follow
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await app(scope, receive, send)

    def _fault(self, host: str, origin: str) -> str:
        """Return why a request is refused; empty if it is not."""
        name = _name(f"//{host}")
        if host and self._hosts and _ANY not in self._hosts and name not in self._hosts:
            return f"host {host!r}: is not a name of this server; start it with --allow-host {name or 'NAME'}"
        if not origin or origin in self._origins or _ANY in self._origins:
            return ""
        if origin.partition("://")[2].lower() == host.lower() or _name(origin) in self._allowed:
            return ""
        return f"origin {origin!r}: pages of other sites may not send requests; start the server with --allow-origin"


def _name(url: str) -> str:
    """Return the name of the host in a URL, in lower case; empty if there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
