"""`polycap doctor`."""

import typer

from polycap.cli.options import AsJson
from polycap.cli.output import print_json, print_lines

__all__ = ["doctor"]


def doctor(as_json: AsJson = False) -> None:
    """Examine the installation, and print each fault with its fix.

    Versions, processor, cache, packs, engines, languages, disk and memory. The exit status is 1 if there are faults.
    """
    from polycap.cli import name_options
    from polycap.doctor.examine import examine
    from polycap.doctor.finding import finding_lines

    findings = list(examine())
    if as_json:
        print_json([finding.to_json() for finding in findings])
    else:
        print_lines(map(name_options, finding_lines(findings)))
    raise typer.Exit(any(finding.state == "fault" for finding in findings))
