"""`polycap build` and `polycap status`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from polycap.cli.output import print_json, print_line, print_lines, print_note, print_scores
from polycap.errors import PolycapError

if TYPE_CHECKING:
    from collections.abc import Callable

    from polycap.pipeline import Build, BuildOptions

__all__ = ["build", "status"]

LAST = "the last build's, else "


@dataclass(frozen=True, kw_only=True)
class BuildArguments:
    """Arguments of `polycap build`."""

    codes: Annotated[list[str], typer.Argument(help="Languages, built one after another.")]
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

    def build(self) -> "BuildOptions":
        """Return the options of the builds."""
        from polycap.pipeline import BuildOptions

        return BuildOptions(
            data=self.data,
            captions=self.captions or (),
            origin=self.origin,
            caption_file=self.caption_file,
            photo_folder=self.photo_folder,
            settings=self.settings or (),
            mirrored=self.mirrored,
            encoder=self.encoder,
            start=self.start,
        )


@with_options
def build(options: BuildArguments) -> None:
    """Make languages' packs, from photos and captions to scores. Stages whose inputs are unchanged are skipped.

    A build that was stopped is resumed by the same command. Of several languages, one that fails stops no other; it is
    told at the end, and the exit status is then 1.
    """
    from polycap.pipeline import build_language, build_languages

    more: dict[str, Any] = {"work": options.work, "dry_run": options.dry_run}
    if len(set(options.codes)) == 1:
        result = build_language(options.codes[0], options.build(), on_step=_print_step(options), **more)
        if options.as_json:
            print_json(result.to_json())
        else:
            _print_build(result)
        return
    tell = _print_step(options)
    results = build_languages(
        options.codes, options.build(), on_step=tell and (lambda code, step: tell(step, f"{code:8} ")), **more
    )
    _print_builds(results, as_json=options.as_json)


def _print_step(options: BuildArguments) -> "Callable[..., None] | None":
    return None if options.as_json else lambda step, code="": print_line(code + step.line())


def _print_builds(results: "dict[str, Build | PolycapError]", *, as_json: bool) -> None:
    """Print the builds, and then the languages that failed; if there are any, exit with status 1."""
    from polycap.pipeline.several import builds_to_json

    failed = {code: result for code, result in results.items() if isinstance(result, PolycapError)}
    if as_json:
        print_json(builds_to_json(results))
    else:
        for code, result in results.items():
            if not isinstance(result, PolycapError):
                print_line(f"{code}:")
                _print_build(result)
    for code, error in failed.items():
        print_note(str(error) if str(error).startswith(code) else f"{code}: {error}")
    raise typer.Exit(1 if failed else 0)


def _print_build(result: "Build") -> None:
    if result.scores is not None:
        print_scores(result.scores)
        print_line(result.pack)


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
        print_lines(line for row in rows for line in row.lines())
