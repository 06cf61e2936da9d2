"""`polycap languages`, without the parser, whose import takes as long as the list."""

from typing import Any

from polycap.cli.output import print_json, print_line, print_note
from polycap.language import available_languages

__all__ = ["print_available", "print_languages"]

GROUPS = ("trained", "untrained", "broken")


def print_languages(*, as_json: bool = False) -> None:
    """Print the languages and their status, the trained ones first; faults of folders go to stderr."""
    entries = available_languages()
    if as_json:
        from polycap.pack.listed import language_row

        print_json([language_row(entry) for entry in entries])
        return
    entries.sort(key=lambda entry: _own_name(entry.status, entry.to_json()))
    for entry in entries:
        row = entry.to_json()
        _print_row(row, "installed" if row["installed"] else row["status"])
    for entry in entries:
        for fault in entry.faults:
            print_note(f"{entry.code}: {fault}")


def print_available(*, as_json: bool = False) -> None:
    """Print the packs of the index, by the languages' own names, and what there is of each language here."""
    from polycap.pack.index import read_pack_index

    rows = [pack.model_dump(mode="json") for pack in read_pack_index().packs]
    rows.sort(key=lambda row: _own_name("", row))
    if as_json:
        print_json(rows)
        return
    here = {entry.code: entry.to_json() for entry in available_languages()}
    for row in rows:
        known = here.get(row["code"], {"installed": False, "status": "new"})
        status = "installed" if known["installed"] else known["status"]
        _print_row(row, status, f"{row['size'] / 1e6:6.1f} MB  {'+'.join(row['origins'])}")


def _own_name(status: str, row: dict[str, Any]) -> tuple[int, str]:
    group = GROUPS.index(status) if status in GROUPS else 0
    return group, str(row["native_name"] or row["code"]).casefold()


def _print_row(row: dict[str, Any], status: str, more: str = "") -> None:
    names = f"{row['name'] or '':24} {row['native_name'] or ''}"
    print_line(f"{row['code']:10} {status:10} {names}{more and '  '}{more}")
