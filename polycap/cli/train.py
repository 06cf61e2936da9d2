"""`polycap train`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polycap.cli.command import with_options
from polycap.cli.options import CaptionsOption, Data, Origin, Settings, read_dataset
from polycap.errors import PolycapError
from polycap.machine.extras import require_keras

if TYPE_CHECKING:
    from polycap.language import Language

__all__ = ["train"]


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Arguments of `polycap train`."""

    code: Annotated[
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
        typer.Option(
            help="Folder of the run, with a folder in it for each of several languages; an unfinished run there is "
            "resumed."
        ),
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
            help="Folder of a pack whose photo layers the decoder has; they are not trained, so that both share them.",
            show_default="photo layers of its own",
        ),
    ] = None
    terms: Annotated[
        list[str] | None, typer.Option(help="Terms of the captions, for the pack's card.", show_default="none")
    ] = None


@with_options
def train(options: TrainArguments) -> None:
    """Train a language's decoder and write its pack, or several languages'. A run that was stopped is resumed."""
    from polycap.language import get_language
    from polycap.pipeline.steps import parse_settings, train_language, train_languages

    require_keras("polycap train")
    languages = [get_language(code, writable=True) for code in dict.fromkeys(options.code.split(","))]
    recipes = [parse_settings(options.settings or [], language) for language in languages]
    captions, terms = _of_each(languages, "captions", options.captions), _of_each(languages, "terms", options.terms)
    datasets = [_read(options, language, sources) for language, sources in zip(languages, captions, strict=True)]
    if len(languages) == 1:
        more: Any = {"start": options.start, "photo_layers": options.photo_layers, "terms": terms[0]}
        packs = [train_language(languages[0], datasets[0], options.features, options.out, recipes[0], **more)]
    elif options.start or options.photo_layers:
        raise PolycapError(f"{options.code}: --start and --photo-layers are for one language; leave them out")
    else:
        packs = train_languages(languages, datasets, options.features, options.out, recipes, terms=terms)
    for pack in packs:
        typer.echo(pack)


def _of_each(languages: "Sequence[Language]", option: str, values: Sequence[str] | None) -> list[list[str]]:
    """Return the values of an option for each language: all for a single one, else those of its code."""
    if len(languages) == 1:
        return [list(values or [])]
    by_code: dict[str, list[str]] = {language.code: [] for language in languages}
    for each in values or []:
        code, equals, value = each.partition("=")
        if not equals or code not in by_code:
            raise PolycapError(f"--{option} {each}: expected CODE=VALUE, where CODE is one of {', '.join(by_code)}")
        by_code[code].append(value)
    return list(by_code.values())


def _read(options: TrainArguments, language: "Language", captions: list[str]) -> Any:
    """Return the dataset with a language's captions, none of which has to be translated first."""
    if not captions and any(source.translated for source in language.captions):
        raise PolycapError(
            f"{language.folder / 'language.toml'}:captions: some are to be translated first, as `polycap build "
            f"{language.code}` does; or name all of them with --captions"
        )
    return read_dataset(options.data, captions, options.origin, language)
