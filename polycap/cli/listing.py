"""`polycap languages`, without the parser, whose import takes as long as the list."""

from polycap.cli.output import print_json, print_note
from polycap.language import available_languages

__all__ = ["print_languages"]


def print_languages(*, as_json: bool = False) -> None:
    """Print the languages and their status; faults of folders go to stderr."""
    entries = available_languages()
    rows = [entry.to_json() for entry in entries]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        status = "installed" if row["installed"] else row["status"]
        print(f"{row['code']:10} {status:10} {row['name'] or '':24} {row['native_name'] or ''}", flush=True)
    for entry in entries:
        for fault in entry.faults:
            print_note(f"{entry.code}: {fault}")
