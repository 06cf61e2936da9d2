"""`polycap evaluate`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import AsJson, CaptionerArguments, CaptionFile, Data, PhotoFolder, read_dataset
from polycap.cli.output import print_json, print_line, print_note, print_scores
from polycap.errors import PolycapError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polycap.dataset import Dataset
    from polycap.evaluation.languages import EvaluationOptions
    from polycap.language import Language

__all__ = ["evaluate"]


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments(CaptionerArguments):
    """Arguments of `polycap evaluate`."""

    data: Data
    code: Annotated[str | None, typer.Argument(help="Language.", show_default="none, with --all")] = None
    every: Annotated[bool, typer.Option("--all", help="Evaluate every trained language, in one report.")] = False
    split: Annotated[str, typer.Option(help="Split: train, dev or test.")] = "dev"
    references: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CODE=]FILE[,origin=…]",
            help="Captions to score against; with --all, CODE names their language.",
            show_default="the language's [[captions]] files, else the dataset's captions",
        ),
    ] = None
    origin: Annotated[
        str | None,
        typer.Option(
            help="Origin of the references: human or mt:NAME. Of references of several origins, those to take.",
            show_default="human, where there are such references",
        ),
    ] = None
    caption_file: CaptionFile = None
    photo_folder: PhotoFolder = None
    work: Annotated[
        Path | None,
        typer.Option(help="With --all: folder of builds, whose captions are references, too.", show_default="none"),
    ] = None
    raw: Annotated[bool, typer.Option(help="Keep case and punctuation.")] = False
    steadiness: Annotated[
        bool, typer.Option(help="Caption the photos again as JPEG of quality 75 and at 168 px, and count what stays.")
    ] = False
    features: Annotated[
        Path | None,
        typer.Option(help="Output folder of `polycap features`, instead of the photos.", show_default="none"),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of predictions, references and report.",
            show_default="evaluation/CODE-SPLIT, evaluation/CODE-SPLIT-via-VIA or evaluation/all-SPLIT",
        ),
    ] = None
    record: Annotated[bool, typer.Option(help="Enter the scores in the pack's card.")] = False
    as_json: AsJson = False
    via: Annotated[
        str | None, typer.Option(help="Score captions in this language, translated.", show_default="none")
    ] = None

    def evaluation(self) -> "EvaluationOptions":
        """Return the options of the evaluation."""
        from polycap.evaluation.languages import EvaluationOptions

        name = "-".join([self.code or "all", self.split, *(["via", self.via] if self.via else [])])
        return EvaluationOptions(
            split=self.split,
            origin=self.origin,
            raw=self.raw,
            steadiness=self.steadiness,
            features=self.features,
            folder=self.out or Path("evaluation", name),
            record=self.record,
            captioner=self.captioner(via=self.via),
        )


@with_options
def evaluate(options: EvaluateArguments) -> None:
    """Score captions against references, beside people's scores. By BLEU-1 to BLEU-4, chrF++, CIDEr-D and ROUGE-L."""
    if options.every:
        unfit = {"language": options.code, "--origin": options.origin, "--pack": options.pack, "--via": options.via}
        if given := [name for name, value in unfit.items() if value is not None]:
            raise PolycapError(f"--all takes no {', '.join(given)}; origins go with a file: CODE=FILE,origin=…")
        _evaluate_all(options)
    elif not options.code:
        raise PolycapError("name a language, or --all")
    elif options.work:
        raise PolycapError("--work is for --all; name the references of one language with --references FILE")
    else:
        _evaluate_one(options.code, options)


def _read(
    options: EvaluateArguments, references: "Sequence[str]" = (), language: "Language | None" = None
) -> "Dataset":
    places = {"caption_file": options.caption_file, "photo_folder": options.photo_folder}
    return read_dataset(options.data, references, options.origin, language, **places)


def _evaluate_one(code: str, options: EvaluateArguments) -> None:
    from polycap.evaluation.languages import evaluate_language
    from polycap.language import get_language

    language, evaluation = get_language(code), options.evaluation()
    dataset = _read(options, options.references or [], language)
    row = evaluate_language(language, dataset, evaluation).to_json()
    if options.as_json:
        print_json(row)
        return
    print_scores(row)
    print_note(f"predictions and references are in {evaluation.folder}")


def _evaluate_all(options: EvaluateArguments) -> None:
    from polycap.evaluation.languages import evaluate_languages
    from polycap.evaluation.summary import concordance_lines
    from polycap.pipeline.job import built_captions

    evaluation = options.evaluation()
    built = partial(built_captions, options.work) if options.work else None
    compared = evaluate_languages(_read(options), evaluation, options.references or [], built)
    rows = compared.comparison.to_json()
    if options.as_json:
        print_json(rows)
    else:
        for row in rows["languages"]:
            print_scores(row)
            print_line("")
        for line in concordance_lines(rows["concordance"]["means"]):
            print_line(line)
    print_note(f"the report is {compared.page}")
