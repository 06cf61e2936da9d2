"""`polycap train`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import CaptionsOption, Data, Origin, Settings, read_dataset
from polycap.errors import PolycapError
from polycap.machine.extras import require_keras

if TYPE_CHECKING:
    from polycap.dataset import Dataset
    from polycap.language import Language

__all__ = ["train"]


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Arguments of `polycap train`."""

    codes: Annotated[
        str,
        typer.Argument(
            metavar="CODE[,CODE…]",
            help="Language, or several to train side by side over photo layers that they share; --captions and --terms "
            "are then CODE=FILE and CODE=TERMS.",
        ),
    ]
    data: Data
    out: Annotated[
        Path,
        typer.Option(help="Folder of the run, with a folder for each of several languages; resumed if unfinished."),
    ]
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
    photo_layers: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pack whose photo layers are used and not trained further, so that its language and "
            "this one share them.",
            show_default="none",
        ),
    ] = None
    terms: Annotated[
        list[str] | None,
        typer.Option(
            help="Terms of the captions, for the pack's card; with several languages CODE=TERMS.", show_default="none"
        ),
    ] = None


@with_options
def train(options: TrainArguments) -> None:
    """Train decoders of one or several languages; write packs.

    A run that was stopped is resumed.
    """
    from polycap.language import get_language
    from polycap.pipeline.steps import parse_settings, train_language, train_languages

    require_keras("polycap train")
    languages = [get_language(code, writable=True) for code in dict.fromkeys(options.codes.split(","))]
    recipes = [parse_settings(options.settings or [], language) for language in languages]
    captions = _by_language(languages, "captions", options.captions)
    terms = _by_language(languages, "terms", options.terms)
    datasets = [_read(options, language, files) for language, files in zip(languages, captions, strict=True)]
    features, out = options.features, options.out
    if len(languages) > 1:
        if options.start or options.photo_layers:
            raise PolycapError(f"{options.codes}: `start` and `photo_layers` are for one language; leave them out")
        packs = train_languages(languages, datasets, features, out, recipes, terms=terms)
    else:
        start, photo_layers = options.start, options.photo_layers
        packs = [
            train_language(
                languages[0],
                datasets[0],
                features,
                out,
                recipes[0],
                start=start,
                photo_layers=photo_layers,
                terms=terms[0],
            )
        ]
    for pack in packs:
        typer.echo(pack)


def _by_language(languages: "Sequence[Language]", name: str, values: Sequence[str] | None) -> list[list[str]]:
    """Return the values of an option for each language: all for a single one, else those with CODE= before them."""
    if len(languages) == 1:
        return [list(values or [])]
    chosen: dict[str, list[str]] = {language.code: [] for language in languages}
    for value in values or []:
        code, equals, rest = value.partition("=")
        if not equals or code not in chosen:
            raise PolycapError(f"`{name}` {value}: expected CODE=VALUE, where CODE is one of {', '.join(chosen)}")
        chosen[code].append(rest)
    return list(chosen.values())


def _read(options: TrainArguments, language: "Language", captions: list[str]) -> "Dataset":
    """Read the dataset with a language's captions, none of which has to be translated first."""
    if not captions and any(source.translated for source in language.captions):
        raise PolycapError(
            f"{language.folder / 'language.toml'}:captions: some are to be translated first, as `polycap build "
            f"{language.code}` does; or name all of them with `captions`"
        )
    return read_dataset(options.data, captions, options.origin, language)
