"""`polycap languages`, `polycap new` and `polycap check`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import AsJson
from polycap.cli.output import print_json, print_line, print_lines, print_note, print_notes

__all__ = ["check", "list_languages", "new"]


def list_languages(
    available: Annotated[
        bool, typer.Option("--available", help="List the packs of the index POLYCAP_PACK_INDEX instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the languages, the trained ones first."""
    from polycap.cli.listing import print_available, print_languages

    (print_available if available else print_languages)(as_json=as_json)


def new(
    code: Annotated[str, typer.Argument(help="BCP 47 tag of the language, such as gsw.")],
    native_name: Annotated[
        str | None, typer.Argument(help="Name of the language in itself.", show_default="CLDR's")
    ] = None,
    place: Annotated[Path, typer.Option(help="Folder in which the language's folder is made.")] = Path(),
    argos_index: Annotated[
        str | None, typer.Option(help="Argos' index.json, a file or URL.", show_default="Argos' own")
    ] = None,
) -> None:
    """Make a language folder, and print what is left to do."""
    from polycap.contract import check_language, new_language

    folder = new_language(code, native_name, place=place, argos_index=argos_index)
    print_line(folder)
    print_notes(f"to do: {fault}" for fault in check_language(folder, pack=False).faults)
    print_note(f"then: polycap check {folder}; export POLYCAP_LANGUAGES={folder.parent.resolve()}")


def check(
    languages: Annotated[
        list[str] | None, typer.Argument(help="Codes or folders of languages.", show_default="every language")
    ] = None,
    pack: Annotated[bool, typer.Option(help="Caption a photo with the trained pack.")] = True,
    as_json: AsJson = False,
) -> None:
    """Check language folders. The exit status is 1 if one has a fault."""
    from polycap.contract import check_language
    from polycap.language import available_languages

    codes = languages or list(dict.fromkeys(entry.code for entry in available_languages()))
    reports = [check_language(code, pack=pack) for code in codes]
    if as_json:
        print_json([report.to_json() for report in reports])
    else:
        for report in reports:
            print_lines(report.lines())
    raise typer.Exit(any(report.faults for report in reports))
