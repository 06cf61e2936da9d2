"""Redirects that may be followed, and those that are refused."""

import httpx
import pytest

from polycap.files.redirects import redirect_hooks


def fetch(first: str, location: str) -> httpx.Response:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": location}) if request.url == first else httpx.Response(200)

    transport = httpx.MockTransport(answer)
    with httpx.Client(transport=transport, follow_redirects=True, event_hooks=redirect_hooks(first)) as client:
        return client.get(first)


@pytest.mark.parametrize(
    ("first", "location", "reason"),
    [
        ("https://1.1.1.1/a", "http://1.1.1.1/b", "which is not encrypted"),
        ("https://1.1.1.1/a", "https://127.0.0.1/b", "an address of a private network"),
        ("https://1.1.1.1/a", "https://169.254.169.254/latest", "an address of a private network"),
        ("https://1.1.1.1/a", "https://[::ffff:10.0.0.1]/b", "an address of a private network"),
        ("http://1.1.1.1/a", "http://localhost:9/b", "an address of a private network"),
    ],
)
def test_a_redirect_into_the_private_is_refused(first: str, location: str, reason: str) -> None:
    with pytest.raises(httpx.HTTPError, match=reason):
        fetch(first, location)


@pytest.mark.parametrize(
    ("first", "location"),
    [
        ("https://1.1.1.1/a", "https://8.8.8.8/b"),
        ("http://1.1.1.1/a", "https://1.1.1.1/b"),
        ("http://127.0.0.1/a", "http://10.0.0.1/b"),
    ],
)
def test_other_redirects_are_followed(first: str, location: str) -> None:
    assert fetch(first, location).url == location
