"""Report of the checks of a language folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polycap.language import LanguageFault

__all__ = ["Check", "LanguageReport"]


@dataclass(frozen=True)
class Check:
    """Result of one check.

    Attributes:
        name: name of the check.
        faults: faults of the folder. (default: none)
        skipped: reason why the check was not run; empty if it was. (default: empty)
    """

    name: str
    faults: tuple[LanguageFault, ...] = ()
    skipped: str = ""

    @property
    def outcome(self) -> str:
        """Outcome: "ok", "failed" or "skipped"."""
        return "failed" if self.faults else "skipped" if self.skipped else "ok"


@dataclass(frozen=True)
class LanguageReport:
    """Results of all checks of one folder.

    Attributes:
        code: code of the language.
        folder: the language's folder.
        checks: results of the checks.
    """

    code: str
    folder: Path
    checks: tuple[Check, ...] = field(default=())

    @property
    def faults(self) -> tuple[LanguageFault, ...]:
        """Faults of all checks; empty if the folder passes."""
        return tuple(fault for check in self.checks for fault in check.faults)

    def lines(self) -> Iterator[str]:
        """Yield the report as text, a line per check and per fault."""
        yield f"{self.code}  {self.folder}"
        for check in self.checks:
            yield f"  {check.outcome:8} {check.name}" + (f": {check.skipped}" if check.skipped else "")
            yield from (f"           {fault}" for fault in check.faults)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `polycap check --json` prints."""
        checks = [
            {
                "name": check.name,
                "outcome": check.outcome,
                "skipped": check.skipped,
                "faults": [vars(fault) for fault in check.faults],
            }
            for check in self.checks
        ]
        return {"code": self.code, "folder": str(self.folder), "ok": not self.faults, "checks": checks}
