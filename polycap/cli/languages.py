"""Commands about languages: which there are, a new one, whether one is as it should be."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import AsJson
from polycap.cli.output import print_json, print_note, print_notes

__all__ = ["check", "list_languages", "new"]


def list_languages(as_json: AsJson = False) -> None:
    """List the languages, and which have a trained pack."""
    from polycap.cli.listing import print_languages

    print_languages(as_json=as_json)


def new(
    code: Annotated[str, typer.Argument(help="A BCP 47 tag, such as gsw.")],
    native_name: Annotated[str | None, typer.Argument(help="The language's name in itself, if not CLDR's.")] = None,
    place: Annotated[Path, typer.Option(help="Where the folder goes.")] = Path(),
    argos_index: Annotated[str | None, typer.Option(help="Argos' index.json, a file or URL, if not its own.")] = None,
) -> None:
    """Make a language folder; what is left to do is printed."""
    from polycap.contract import check_language, new_language

    folder = new_language(code, native_name, place=place, argos_index=argos_index)
    typer.echo(folder)
    print_notes(f"to do: {fault}" for fault in check_language(folder, pack=False).faults)
    print_note(f"then: polycap check {folder}; export POLYCAP_LANGUAGES={folder.parent.resolve()}")


def check(
    languages: Annotated[list[str] | None, typer.Argument(help="Codes or folders; else every language.")] = None,
    pack: Annotated[bool, typer.Option(help="Let a trained pack write a caption.")] = True,
    as_json: AsJson = False,
) -> None:
    """Check language folders against all that is expected of one. The status is 1 if anything is wrong."""
    from polycap.contract import check_language
    from polycap.language import available_languages

    codes = languages or list(dict.fromkeys(entry.code for entry in available_languages()))
    reports = [check_language(code, pack=pack) for code in codes]
    if as_json:
        print_json([report.to_json() for report in reports])
    else:
        for report in reports:
            typer.echo("\n".join(report.lines()))
    raise typer.Exit(any(report.faults for report in reports))
