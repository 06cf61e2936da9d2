"""`polycap train`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polycap.cli.options import CaptionsOption, Data, Origin, read_dataset
from polycap.errors import PolycapError
from polycap.machine.extras import require_keras

if TYPE_CHECKING:
    from polycap.language import Language

__all__ = ["train"]


def train(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE[,CODE…]",
            help="The language, or several to train side by side over photo layers that they share.",
        ),
    ],
    data: Data,
    out: Annotated[
        Path,
        typer.Option(help="The run's folder, of several languages a folder in it for each; an unfinished run resumes."),
    ],
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
    photo_layers: Annotated[
        Path | None,
        typer.Option(help="Pack whose photo layers to use as they are, so that its languages and this one share them."),
    ] = None,
    terms: Annotated[
        list[str] | None,
        typer.Option(help="Terms of the captions, for the pack's card; of several languages CODE=TERMS. (repeatable)"),
    ] = None,
) -> None:
    """Train a language's decoder and write its pack, or those of several. Resumes where it was stopped."""
    from polycap.language import get_language
    from polycap.pipeline.steps import parse_settings, train_language, train_languages

    require_keras("polycap train")
    languages = [get_language(each, mine=True) for each in dict.fromkeys(code.split(","))]
    recipes = [parse_settings(setting or [], language) for language in languages]
    files, conditions = (_of_each(languages, *given) for given in (("captions", captions), ("terms", terms)))
    datasets = [_read(data, language, given, origin) for language, given in zip(languages, files, strict=True)]
    if len(languages) == 1:
        options: Any = {"start": start, "photo_layers": photo_layers, "terms": conditions[0]}
        packs = [train_language(languages[0], datasets[0], features, out, recipes[0], **options)]
    elif start or photo_layers:
        raise PolycapError(f"{code}: --start and --photo-layers are for one language; leave them out")
    else:
        packs = train_languages(languages, datasets, features, out, recipes, terms=conditions)
    for pack in packs:
        typer.echo(pack)


def _of_each(languages: "Sequence[Language]", option: str, given: Sequence[str] | None) -> list[list[str]]:
    """Return what an option gives to each language: all to a single one, and CODE=VALUE to that of the code."""
    if len(languages) == 1:
        return [list(given or [])]
    values: dict[str, list[str]] = {language.code: [] for language in languages}
    for each in given or []:
        code, equals, value = each.partition("=")
        if not equals or code not in values:
            raise PolycapError(f"--{option} {each}: expected CODE=VALUE, where CODE is one of {', '.join(values)}")
        values[code].append(value)
    return list(values.values())


def _read(data: Path, language: "Language", captions: list[str], origin: str | None) -> Any:
    """Return the dataset with a language's captions, none of which has to be translated first."""
    if not captions and any(source.translated for source in language.captions):
        raise PolycapError(
            f"{language.folder / 'language.toml'}:captions: some are to be translated first, as `polycap build "
            f"{language.code}` does; or name all of them with --captions"
        )
    return read_dataset(data, captions, origin, language)
