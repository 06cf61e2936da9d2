"""Commands that use a pack: captions, and how good they are."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.common import (
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
from polycap.cli.output import note, note_all, print_json, print_scores
from polycap.errors import PolycapError

__all__ = ["caption", "evaluate"]


def caption(
    photos: Annotated[list[str], typer.Argument(help="Photos, folders of photos, or - for standard input.")],
    language: Annotated[
        str | None,
        typer.Option(
            envvar="POLYCAP_LANGUAGE",
            help='Codes with commas between, or "all" that are trained; by default the captions\' own language.',
        ),
    ] = None,
    beam: Annotated[int | None, typer.Option(min=1, max=64, help="Beam width; 1 is greedy.")] = None,
    n_best: Annotated[int, typer.Option(min=1, max=64, help="Captions per photo and language; at most --beam.")] = 1,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with the photos.")] = None,
    pack: PackFolder = None,
    via: Annotated[
        str | None, typer.Option(help="Caption in this language, and translate, for lack of a decoder.")
    ] = None,
    encoder_weights: Weights = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Caption photos. One that can't be read stops nothing; it is listed at the end, and the status is 1."""
    from polycap.commands import caption_command

    limit_photos(max_megapixels)
    if "" in photos:  # which would be this folder
        raise PolycapError('"": names no photo; is a variable empty? This folder is "."')
    errors = caption_command(
        [Path(photo) for photo in photos],
        language,
        beam=beam,
        n_best=n_best,
        as_json=as_json,
        html=html,
        pack=pack,
        weights=encoder_weights,
        via=via,
        runtime=runtime,
        precision=precision,
    )
    note_all(errors)
    raise typer.Exit(1 if errors else 0)


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
    from polycap import evaluating
    from polycap.registry import get_language

    limit_photos(max_megapixels)
    if every:
        unfit = {"the language": code, "--origin": origin, "--pack": pack, "--via": via}
        if given := [name for name, value in unfit.items() if value is not None]:
            raise PolycapError(f"--all takes no {', '.join(given)}; origins go with a file: CODE=FILE,origin=…")
        found = evaluating.evaluate_all(
            read_dataset(data, [], None),
            references or [],
            split,
            work=work,
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
        note(f"the report is {found.page}")
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
    row = evaluating.evaluate_one(
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
    note(f"predictions and references are in {folder}")
