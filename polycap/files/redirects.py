"""Redirects of a server, which may not lead to plain http, or from the internet into a private network."""

import ipaddress
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import httpx

__all__ = ["redirect_hooks"]


def redirect_hooks(url: str) -> dict[str, list[Callable[..., Any]]]:
    """Return httpx's `event_hooks` of a client that asks for `url`.

    They raise an httpx.HTTPError for a redirect of an https address to another scheme, or of a public address to one
    that is private: of this machine, or of its network. An address that is private itself may redirect to others.
    """
    first = httpx.URL(url)

    def check(request: httpx.Request) -> None:
        here = request.url
        if first.scheme == "https" and here.scheme != "https":
            raise httpx.HTTPError(f"it redirects to {here}, which is not encrypted")
        if here.host != first.host and _is_private(here.host) and not _is_private(first.host):
            raise httpx.HTTPError(f"it redirects to {here}, an address of a private network")

    return {"request": [check]}


@lru_cache(maxsize=64)
def _is_private(host: str) -> bool:
    """Return whether a host has an address that is not of the public internet; False if it is not known here."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):  # a proxy may know it
        return False
    return any(_is_not_global(address) for address in found)


def _is_not_global(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global
