"""`polycap train`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import CaptionsOption, Data, Origin, read_dataset
from polycap.errors import PolycapError
from polycap.machine.extras import require_keras

__all__ = ["train"]


def train(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="The run's folder; an unfinished run there is gone on with.")],
    features: Annotated[Path, typer.Option(help="What `polycap features` made.")] = Path("features"),
    captions: CaptionsOption = None,
    origin: Origin = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting, such as epochs=20 or kind=merge.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Begin with this pack's decoder, or, of other tokens, all but what is theirs."),
    ] = None,
    terms: Annotated[
        list[str] | None, typer.Option(help="The captions' terms, for the pack's card; may be given again.")
    ] = None,
) -> None:
    """Train a language's decoder and write its pack. Resumes where it was stopped."""
    from polycap.language import get_language
    from polycap.pipeline.steps import parse_settings, train_language

    require_keras("polycap train")
    language = get_language(code, writable=True)
    settings = parse_settings(setting or [], language)
    if not captions and any(source.translated for source in language.captions):
        raise PolycapError(
            f"{language.folder / 'language.toml'}:captions: some are to be translated first, as `polycap build {code}` "
            "does; or name all of them with --captions"
        )
    dataset = read_dataset(data, captions or [], origin, language)
    pack = train_language(language, dataset, features, out, settings, start=start, terms=terms or ())
    typer.echo(pack)
