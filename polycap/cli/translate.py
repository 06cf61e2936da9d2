"""`polycap translate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import AsJson, captions_option, read_dataset
from polycap.cli.output import print_json, print_lines
from polycap.errors import PolycapError

__all__ = ["translate"]


@dataclass(frozen=True, kw_only=True)
class TranslateArguments:
    """Arguments of `polycap translate`."""

    code: Annotated[str, typer.Argument(help="Language.")]
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the dataset.", show_default="none: the package is installed, and that is all"),
    ] = None
    captions: Annotated[
        list[str] | None,
        captions_option(
            "those of [translation] captions_of in --work or in its folder; without it, the dataset's",
            "Captions of these photos to translate (repeatable).",
        ),
    ] = None
    work: Annotated[
        Path | None,
        typer.Option(
            help="Folder of builds: has the captions of captions_of, and gets the journal.",
            show_default="work, and the journal beside --out",
        ),
    ] = None
    out: Annotated[
        Path | None, typer.Option(help="File of the translated captions.", show_default="translations/CODE.jsonl")
    ] = None
    engine: Annotated[
        str | None, typer.Option(help="Name of the translation engine.", show_default="the language's own")
    ] = None
    source: Annotated[
        str | None,
        typer.Option(
            help="The engine's code of the captions' language.",
            show_default="that of [translation], else that of captions_of, else of the source language",
        ),
    ] = None
    target: Annotated[
        str | None,
        typer.Option(
            help="The engine's code of this language.", show_default="that of [translation], else the language's"
        ),
    ] = None
    package: Annotated[
        Path | None, typer.Option(help="File of a package (.argosmodel) to install first.", show_default="none")
    ] = None
    install: Annotated[bool, typer.Option("--install", help="Download and install the package first.")] = False
    sample: Annotated[int, typer.Option(min=0, help="Number of captions to print beside their translations.")] = 0
    html: Annotated[
        Path | None,
        typer.Option(help="Also write an HTML page: a sample, and the dropped translations.", show_default="none"),
    ] = None
    as_json: AsJson = False


@with_options
def translate(options: TranslateArguments) -> None:
    """Translate captions into a language. Drops unfit ones; resumes a run that was stopped."""
    from polycap.dataset import CaptionSource
    from polycap.language import get_language
    from polycap.pipeline.job import captions_to_translate
    from polycap.pipeline.steps import EngineOptions, prepare_engine, translate_language, translation_journal

    language = get_language(options.code)
    engine = EngineOptions(options.engine, options.source, options.target, options.package, options.install)
    if options.data is None and not (options.package or options.install):
        raise PolycapError("name the dataset with --data, or a package to install with --package or --install")
    sources = [CaptionSource.parse(source) for source in options.captions or ()]
    choice = prepare_engine(language, engine)  # an engine that is not installed is reported before the dataset is read
    if options.data is None:
        return
    out = options.out or Path("translations") / f"{language.code}.jsonl"
    dataset = captions_to_translate(language, read_dataset(options.data), options.work or Path("work"), sources)
    translator = choice.open()
    journal = None
    if options.work is not None:
        journal = translation_journal(options.work / language.code, dataset, translator.identity)
    result = translate_language(
        language, dataset, out, translator, journal=journal, sample=options.sample, page=options.html
    )
    if options.as_json:
        print_json(result.to_json())
    else:
        print_lines(result.lines())
