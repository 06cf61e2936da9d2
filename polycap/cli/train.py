"""`polycap train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import CaptionsOption, Data, Origin, Settings, read_dataset
from polycap.errors import PolycapError
from polycap.machine.extras import require_keras

__all__ = ["train"]


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Arguments of `polycap train`."""

    code: Annotated[str, typer.Argument(help="Language.")]
    data: Data
    out: Annotated[Path, typer.Option(help="Folder of the run; an unfinished run there is resumed.")]
    features: Annotated[Path, typer.Option(help="Output folder of `polycap features`.")] = Path("features")
    captions: CaptionsOption = None
    origin: Origin = None
    settings: Settings = None
    start: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pack whose weights training begins with; with another tokenizer, all weights but "
            "those of the tokens.",
            show_default="none",
        ),
    ] = None
    terms: Annotated[
        list[str] | None, typer.Option(help="Terms of the captions, for the pack's card.", show_default="none")
    ] = None


@with_options
def train(options: TrainArguments) -> None:
    """Train a language's decoder and write its pack. A run that was stopped is resumed."""
    from polycap.language import get_language
    from polycap.pipeline.steps import parse_settings, train_language

    require_keras("polycap train")
    code = options.code
    language = get_language(code, writable=True)
    settings = parse_settings(options.settings or [], language)
    if not options.captions and any(source.translated for source in language.captions):
        raise PolycapError(
            f"{language.folder / 'language.toml'}:captions: some are to be translated first, as `polycap build {code}` "
            "does; or name all of them with --captions"
        )
    dataset = read_dataset(options.data, options.captions or [], options.origin, language)
    start, terms = options.start, options.terms or ()
    typer.echo(train_language(language, dataset, options.features, options.out, settings, start=start, terms=terms))
