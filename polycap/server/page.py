"""Web page of the service. Its security policy forbids loading anything from other places."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from polycap.captioning.page import SHOWN
from polycap.pages.template import fill_template

__all__ = ["Page"]


@dataclass(frozen=True)
class Page:
    """The page.

    Attributes:
        html: content of the page.
        headers: HTTP headers of the page.
    """

    html: str
    headers: dict[str, str]

    @classmethod
    def of(cls, languages: Sequence[dict[str, Any]], default: Sequence[str]) -> "Page":
        """Return the page.

        Args:
            languages: all languages, as `polycap languages --json` prints them.
            default: codes of the languages that are selected at first, and stand first; the others are folded if there
                are many.
        """
        script = files("polycap.pages").joinpath("templates/server.js").read_text(encoding="utf-8")
        trained = [row for row in languages if row["status"] == "trained"]
        trained.sort(key=lambda row: (row["code"] not in default, row["native_name"].casefold()))
        shown = len(default) if len(trained) > SHOWN else len(trained)
        html = fill_template(
            "server.html", shown=trained[:shown], folded=trained[shown:], default=default, script=Markup(script)
        )
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
        policy = {
            "default-src": "'none'",
            "connect-src": "'self'",
            "img-src": "blob: data:",
            "script-src": f"'sha256-{digest}'",
            "style-src": "'unsafe-inline'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        headers = {
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "X-Content-Type-Options": "nosniff",
        }
        return cls(html, headers)
