"""A finding of the examination, and findings as lines of text."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from polycap.errors import one_line

__all__ = ["Finding", "fault", "finding_lines", "note", "works"]


@dataclass(frozen=True)
class Finding:
    """Finding about one part of the installation.

    Attributes:
        area: group of parts, such as "pack".
        name: name of the part.
        state: "ok"; "note" of a part that is not installed, or that needs no mending; or "fault".
        detail: description of what was found.
        fix: command or action that mends it, or installs the part; never empty of a fault.
    """

    area: str
    name: str
    state: Literal["ok", "note", "fault"]
    detail: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as JSON-able values."""
        return asdict(self)


def works(area: str, name: str, detail: object) -> Finding:
    """Return the finding about a part that works."""
    return Finding(area, name, "ok", str(detail))


def note(area: str, name: str, detail: object, fix: str = "") -> Finding:
    """Return the finding about a part that is not installed, or that needs no mending."""
    return Finding(area, name, "note", str(detail), fix)


def fault(area: str, name: str, detail: object, fix: str) -> Finding:
    """Return the finding about a part that is broken, with what mends it."""
    return Finding(area, name, "fault", str(detail), fix)


def finding_lines(findings: Iterable[Finding]) -> list[str]:
    """Return findings as lines of text; those that differ by name alone share a line."""
    names: dict[tuple[str, str, str, str], list[str]] = {}
    for each in findings:
        names.setdefault((each.area, each.state, each.detail, each.fix), []).append(each.name)
    lines = []
    for (area, state, detail, fix), same in names.items():
        lines.append(one_line(f"{state:5} {area:9} {', '.join(same)}: {detail}"))
        lines += [one_line(f"{'':15} → {fix}")] if fix else []
    return lines
