"""`polycap evaluate`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polycap.captioning.options import CaptionerOptions
from polycap.cli.options import (
    AsJson,
    Beam,
    Data,
    MaxMegapixels,
    PackFolder,
    PrecisionName,
    RuntimeName,
    Weights,
    limit_photos,
    read_dataset,
)
from polycap.cli.output import print_json, print_note, print_scores
from polycap.errors import PolycapError

if TYPE_CHECKING:
    from polycap.evaluation.languages import EvaluationOptions

__all__ = ["evaluate"]


def evaluate(
    data: Data,
    code: Annotated[str | None, typer.Argument(help="Language.", show_default="none, with --all")] = None,
    every: Annotated[bool, typer.Option("--all", help="Evaluate every trained language, in one report.")] = False,
    split: Annotated[str, typer.Option(help="Split: train, dev or test.")] = "dev",
    references: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CODE=]FILE[,origin=…]",
            help="Captions to score against; with --all, CODE names their language.",
            show_default="the language's [[captions]] files, else the dataset's captions",
        ),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            help="Origin of the references: human or mt:NAME. Of references of several origins, those to take.",
            show_default="human, where there are such references",
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(help="With --all: folder of builds, whose captions are references, too.", show_default="none"),
    ] = None,
    beam: Beam = None,
    raw: Annotated[bool, typer.Option(help="Keep case and punctuation.")] = False,
    features: Annotated[
        Path | None,
        typer.Option(help="Output folder of `polycap features`, instead of the photos.", show_default="none"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of predictions, references and report.",
            show_default="evaluation/CODE-SPLIT, evaluation/CODE-SPLIT-via-VIA or evaluation/all-SPLIT",
        ),
    ] = None,
    record: Annotated[bool, typer.Option(help="Enter the scores in the pack's card.")] = False,
    as_json: AsJson = False,
    pack: PackFolder = None,
    via: Annotated[
        str | None, typer.Option(help="Score captions in this language, translated.", show_default="none")
    ] = None,
    encoder_weights: Weights = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Score captions by BLEU-1 to BLEU-4, chrF++, CIDEr-D and ROUGE-L, beside the scores of people's captions."""
    from polycap.evaluation.languages import EvaluationOptions

    limit_photos(max_megapixels)
    _require_fitting(code, every=every, origin=origin, pack=pack, via=via, work=work)
    name = "-".join([code or "all", split, *(["via", via] if via else [])])
    captioner = CaptionerOptions(
        beam=beam, pack=pack, encoder_weights=encoder_weights, via=via, runtime=runtime, precision=precision
    )
    options = EvaluationOptions(split, origin, raw, features, out or Path("evaluation", name), record, captioner)
    if code:
        _evaluate_one(code, data, references or [], options, as_json=as_json)
    else:
        _evaluate_all(data, references or [], options, work, as_json=as_json)


def _require_fitting(code: str | None, *, every: bool, work: Path | None, **others: object) -> None:
    """Check that the options go with one language, or with all."""
    if every:
        unfit = {"the language": code, **{f"--{name}": value for name, value in others.items()}}
        if given := [name for name, value in unfit.items() if value is not None]:
            raise PolycapError(f"--all takes no {', '.join(given)}; origins go with a file: CODE=FILE,origin=…")
    elif not code:
        raise PolycapError("name a language, or --all")
    elif work:
        raise PolycapError("--work is for --all; name the references of one language with --references FILE")


def _evaluate_one(code: str, data: Path, references: list[str], options: "EvaluationOptions", *, as_json: bool) -> None:
    from polycap.evaluation.languages import evaluate_language
    from polycap.language import get_language

    language = get_language(code)
    dataset = read_dataset(data, references, options.origin, language)
    row = evaluate_language(language, dataset, options).to_json()
    if as_json:
        print_json(row)
        return
    print_scores(row)
    print_note(f"predictions and references are in {options.folder}")


def _evaluate_all(
    data: Path, references: list[str], options: "EvaluationOptions", work: Path | None, *, as_json: bool
) -> None:
    from polycap.evaluation.languages import evaluate_languages
    from polycap.pipeline.job import built_captions

    built = partial(built_captions, work) if work else None
    compared = evaluate_languages(read_dataset(data), options, references, built)
    rows = compared.comparison.to_json()
    if as_json:
        print_json(rows)
    else:
        for row in rows["languages"]:
            print_scores(row)
            typer.echo()
    print_note(f"the report is {compared.page}")
