"""The result of checking a language folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.language import LanguageFault

__all__ = ["Check", "LanguageReport"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what is wrong with it, or why it was not looked at."""

    name: str
    faults: tuple[LanguageFault, ...] = ()
    skipped: str = ""

    @property
    def outcome(self) -> str:
        """ "ok", "failed" or "skipped"."""
        return "failed" if self.faults else "skipped" if self.skipped else "ok"


@dataclass(frozen=True)
class LanguageReport:
    """What the checks of one folder found."""

    code: str
    folder: Path
    checks: tuple[Check, ...] = field(default=())

    @property
    def faults(self) -> tuple[LanguageFault, ...]:
        """All that is wrong; empty if the folder passes."""
        return tuple(fault for check in self.checks for fault in check.faults)

    def lines(self) -> Iterator[str]:
        """The report for people, a line per check and per fault."""
        yield f"{self.code}  {self.folder}"
        for check in self.checks:
            yield f"  {check.outcome:8} {check.name}" + (f": {check.skipped}" if check.skipped else "")
            yield from (f"           {fault}" for fault in check.faults)

    def to_json(self) -> dict[str, Any]:
        """The report for machines."""
        checks = [
            {"name": c.name, "outcome": c.outcome, "skipped": c.skipped, "faults": [vars(f) for f in c.faults]}
            for c in self.checks
        ]
        return {"code": self.code, "folder": str(self.folder), "ok": not self.faults, "checks": checks}
