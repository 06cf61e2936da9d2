"""`polycap translate`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import AsJson, read_dataset
from polycap.cli.output import print_json
from polycap.errors import PolycapError

__all__ = ["translate"]


def translate(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Annotated[
        Path | None, typer.Option(help="The dataset's folder; without it, the package is installed and that is all.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the captions go; translations/CODE.jsonl.")] = None,
    engine: Annotated[str | None, typer.Option(help="An engine other than the language's own.")] = None,
    source: Annotated[str | None, typer.Option(help="The engine's code of the captions' language.")] = None,
    target: Annotated[str | None, typer.Option(help="The engine's code of this language.")] = None,
    package: Annotated[Path | None, typer.Option(help="Install this package (.argosmodel) before.")] = None,
    install: Annotated[bool, typer.Option("--install", help="Download and install the package before.")] = False,
    sample: Annotated[int, typer.Option(min=0, help="Print so many captions beside their translations.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Also write a page: a sample, and what was dropped.")] = None,
    as_json: AsJson = False,
) -> None:
    """Translate a dataset's captions into a language. Drops what is no good; resumes where it was stopped."""
    from polycap.language import get_language
    from polycap.pipeline.steps import prepare_engine, translate_language

    language = get_language(code)
    if data is None and not (package or install):
        raise PolycapError("name the dataset with --data, or a package to install with --package or --install")
    choice = prepare_engine(language, engine, source, target, package=package, install=install)
    if data is None:
        return
    dataset = read_dataset(data, [], None)
    path = out or Path("translations") / f"{language.code}.jsonl"
    done = translate_language(language, dataset, choice.open(), path, sample=sample, page=html)
    if as_json:
        print_json(done.to_json())
    else:
        typer.echo("\n".join(done.lines()))
