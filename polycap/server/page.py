"""The page to try the service with: it needs nothing from outside, and may load nothing."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from polycap.pages.template import fill_template

__all__ = ["Page"]


@dataclass(frozen=True)
class Page:
    """The page and the headers that go with it."""

    html: str
    headers: dict[str, str]

    @classmethod
    def of(cls, languages: Sequence[dict[str, Any]], default: Sequence[str]) -> "Page":
        """The page for these languages, as `polycap languages --json` has them; those in `default` are chosen."""
        script = files("polycap.pages").joinpath("templates/server.js").read_text(encoding="utf-8")
        trained = [row for row in languages if row["status"] == "trained"]
        html = fill_template("server.html", languages=trained, default=default, script=Markup(script))
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
