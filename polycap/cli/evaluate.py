"""`polycap evaluate`."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import (
    AsJson,
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

__all__ = ["evaluate"]


def evaluate(
    data: Data,
    code: Annotated[str | None, typer.Argument(help="The language.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every trained language, in one report.")] = False,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "dev",
    references: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CODE=]FILE[,origin=…]",
            help="Other references than the language's [[captions]] files, or else the dataset's captions; "
            "may be given again. With --all, say whose they are.",
        ),
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="Who wrote the references: human, mt:…; of several origins, the one to take.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="With --all: the folder of builds, whose captions are references, too.")
    ] = None,
    beam: Annotated[int | None, typer.Option(min=1, max=64, help="Beam width; 1 is greedy.")] = None,
    raw: Annotated[bool, typer.Option(help="Keep case and punctuation.")] = False,
    features: Annotated[Path | None, typer.Option(help="Features made before, instead of the photos.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where predictions, references and the report go.")] = None,
    record: Annotated[bool, typer.Option(help="Enter the scores in the pack's card.")] = False,
    as_json: AsJson = False,
    pack: PackFolder = None,
    via: Annotated[str | None, typer.Option(help="Score captions in this language, translated.")] = None,
    encoder_weights: Weights = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Score a language's captions, beside what people score. By BLEU-1 to BLEU-4, chrF++, CIDEr-D and ROUGE-L."""
    from polycap.evaluation import languages
    from polycap.language import get_language
    from polycap.pipeline.job import built_captions

    limit_photos(max_megapixels)
    if every:
        unfit = {"the language": code, "--origin": origin, "--pack": pack, "--via": via}
        if given := [name for name, value in unfit.items() if value is not None]:
            raise PolycapError(f"--all takes no {', '.join(given)}; origins go with a file: CODE=FILE,origin=…")
        found = languages.evaluate_languages(
            read_dataset(data, [], None),
            references or [],
            split,
            built=partial(built_captions, work) if work else None,
            beam=beam,
            raw=raw,
            features=features,
            folder=out or Path("evaluation") / f"all-{split}",
            weights=encoder_weights,
            record=record,
            runtime=runtime,
            precision=precision,
        )
        if as_json:
            print_json(found.comparison.to_json())
        else:
            for row in found.comparison.to_json()["languages"]:
                print_scores(row)
                typer.echo()
        print_note(f"the report is {found.page}")
        return
    if code is None:
        raise PolycapError("name a language, or --all")
    if work:
        raise PolycapError("--work is for --all; name the references of one language with --references FILE")
    if via and record:
        raise PolycapError(
            "--record enters a decoder's scores in its own pack; with --via there is none of this language"
        )
    folder = out or Path("evaluation") / "-".join([code, split, *(["via", via] if via else [])])
    row = languages.evaluate_language(
        code,
        read_dataset(data, references or [], origin, get_language(code)),
        split,
        origin=origin,
        beam=beam,
        raw=raw,
        features=features,
        folder=folder,
        record=record,
        pack=pack,
        via=via,
        weights=encoder_weights,
        runtime=runtime,
        precision=precision,
    )
    if as_json:
        print_json(row)
        return
    print_scores(row)
    print_note(f"predictions and references are in {folder}")
