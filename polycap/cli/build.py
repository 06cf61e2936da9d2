"""`polycap build` and `polycap status`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import (
    CAPTIONS_DEFAULT,
    ENCODER_DEFAULT,
    FOUND_DEFAULT,
    ORIGIN_DEFAULT,
    SETTINGS_DEFAULT,
    AsJson,
    Work,
    caption_file_option,
    captions_option,
    encoder_option,
    origin_option,
    photo_folder_option,
    settings_option,
)
from polycap.cli.output import print_json, print_scores

__all__ = ["build", "status"]

LAST = "the last build's, else "


@dataclass(frozen=True, kw_only=True)
class BuildArguments:
    """Arguments of `polycap build`."""

    code: Annotated[str, typer.Argument(help="Language.")]
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the dataset; needed by a first build.", show_default="the last build's"),
    ] = None
    captions: Annotated[
        list[str] | None, captions_option(f"{LAST}{CAPTIONS_DEFAULT}, translated if [translation] names an engine")
    ] = None
    origin: Annotated[str | None, origin_option(LAST + ORIGIN_DEFAULT)] = None
    caption_file: Annotated[Path | None, caption_file_option(LAST + FOUND_DEFAULT)] = None
    photo_folder: Annotated[Path | None, photo_folder_option(LAST + FOUND_DEFAULT)] = None
    work: Work = Path("work")
    settings: Annotated[list[str] | None, settings_option(LAST + SETTINGS_DEFAULT)] = None
    mirrored: Annotated[
        bool | None, typer.Option(help="Also train on horizontally flipped photos.", show_default=LAST + "yes")
    ] = None
    start: Annotated[
        str | None,
        typer.Option(
            help="Language, or folder of a pack, whose weights training begins with; '' for none.",
            show_default=LAST + "none",
        ),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would run, and why.")] = False
    as_json: AsJson = False
    encoder: Annotated[Path | None, encoder_option(LAST + ENCODER_DEFAULT)] = None


@with_options
def build(options: BuildArguments) -> None:
    """Make a language's pack, from photos and captions to scores. Stages whose inputs are unchanged are skipped.

    A build that was stopped is resumed by the same command.
    """
    from polycap.pipeline import BuildOptions, build_language

    result = build_language(
        options.code,
        BuildOptions(
            data=options.data,
            captions=options.captions or (),
            origin=options.origin,
            caption_file=options.caption_file,
            photo_folder=options.photo_folder,
            settings=options.settings or (),
            mirrored=options.mirrored,
            encoder=options.encoder,
            start=options.start,
        ),
        work=options.work,
        dry_run=options.dry_run,
        on_step=None if options.as_json else lambda step: typer.echo(step.line()),
    )
    if options.as_json:
        print_json(result.to_json())
    elif result.scores is not None:
        print_scores(result.scores)
        typer.echo(result.pack)


def status(
    codes: Annotated[
        list[str] | None, typer.Argument(help="Languages.", show_default="all that are built or have a pack")
    ] = None,
    work: Work = Path("work"),
    as_json: AsJson = False,
) -> None:
    """Print the state of each language's build. Stale stages are named with the reason."""
    from polycap.pipeline import language_status

    rows = language_status(codes or [], work=work)
    if as_json:
        print_json([row.to_json() for row in rows])
    else:
        typer.echo("\n".join(line for row in rows for line in row.lines()))
