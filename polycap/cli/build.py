"""`polycap build` and `polycap status`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import AsJson, CaptionsOption, Origin, Weights, Work
from polycap.cli.output import print_json, print_scores

__all__ = ["build", "status"]


def build(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Annotated[Path | None, typer.Option(help="The dataset's folder; needed the first time.")] = None,
    captions: CaptionsOption = None,
    origin: Origin = None,
    work: Work = Path("work"),
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting, such as epochs=20 or kind=merge.")
    ] = None,
    components: Annotated[int | None, typer.Option(min=1, max=2048, help="The last cells' channels; 512.")] = None,
    mirrored: Annotated[bool | None, typer.Option(help="Train on a mirrored view, too; yes.")] = None,
    start: Annotated[
        str | None, typer.Option(help="A trained language, or a pack's folder, to begin with; '' for nothing.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run, and why.")] = False,
    as_json: AsJson = False,
    encoder_weights: Weights = None,
) -> None:
    """Make a language's pack, from photos and captions to scores. What has not changed is skipped.

    It can be killed at any point and goes on when called again. What is not given is as in the language's last build.
    """
    from polycap.pipeline import build_language

    done = build_language(
        code,
        data=data,
        captions=captions or (),
        origin=origin,
        work=work,
        settings=setting or [],
        components=components,
        mirrored=mirrored,
        encoder_weights=encoder_weights,
        start=start,
        dry_run=dry_run,
        tell=lambda step: None if as_json else typer.echo(step.line()),
    )
    if as_json:
        print_json(done.to_json())
    elif done.scores is not None:
        print_scores(done.scores)
        typer.echo(done.pack)


def status(
    codes: Annotated[list[str] | None, typer.Argument(help="The languages; without any, all that exist.")] = None,
    work: Work = Path("work"),
    as_json: AsJson = False,
) -> None:
    """Say what has been built of each language. What is stale is named, and why."""
    from polycap.pipeline import language_status

    found = language_status(codes or [], work=work)
    if as_json:
        print_json([language.to_json() for language in found])
    else:
        typer.echo("\n".join(line for language in found for line in language.lines()))
