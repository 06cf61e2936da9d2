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
    from polycap.translation.choose import choose_engine
    from polycap.translation.page import write_report
    from polycap.translation.sample import aligned_lines, sample_of
    from polycap.translation.translate import translate_captions

    language = get_language(code)
    choice = choose_engine(language, engine, source, target)
    if data is None and not (package or install):
        raise PolycapError("name the dataset with --data, or a package to install with --package or --install")
    choice.require()
    if package:
        choice.install_file(package)
    if install:
        choice.install_pair()
    if data is None:
        return
    dataset = read_dataset(data, [], None)
    done = translate_captions(dataset, language, choice.open(), out or Path("translations") / f"{language.code}.jsonl")
    pairs = sample_of(done, sample)
    if html:
        write_report(html, language, done, pairs or sample_of(done))
    if as_json:
        print_json({**done.to_json(), **({"sample": [pair.to_json() for pair in pairs]} if sample else {})})
    else:
        typer.echo("\n".join([*aligned_lines(pairs), *done.lines()]))
