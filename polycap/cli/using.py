"""Commands that use a pack: captions, and how good they are."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.common import (
    AsJson,
    Data,
    PackFolder,
    RuntimeName,
    Weights,
    note,
    note_all,
    print_json,
    print_row,
    read_dataset,
)
from polycap.errors import PolycapError

__all__ = ["caption", "evaluate"]


def caption(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
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
) -> None:
    """Caption photos. One that can't be read stops nothing; it is listed at the end, and the status is 1."""
    from polycap.commands import caption_command

    errors = caption_command(
        photos,
        language,
        beam=beam,
        n_best=n_best,
        as_json=as_json,
        html=html,
        pack=pack,
        weights=encoder_weights,
        via=via,
        runtime=runtime,
    )
    note_all(errors)
    raise typer.Exit(1 if errors else 0)


def evaluate(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Data,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "dev",
    references: Annotated[Path | None, typer.Option(help="Other references than the dataset's captions.")] = None,
    origin: Annotated[
        str | None, typer.Option(help="Who wrote the references: human, mt:…; of several origins, the one to take.")
    ] = None,
    beam: Annotated[int | None, typer.Option(min=1, max=64, help="Beam width; 1 is greedy.")] = None,
    raw: Annotated[bool, typer.Option(help="Keep case and punctuation.")] = False,
    features: Annotated[Path | None, typer.Option(help="Features made before, instead of the photos.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where predictions and references go.")] = None,
    record: Annotated[bool, typer.Option(help="Enter the scores in the pack's card.")] = False,
    as_json: AsJson = False,
    pack: PackFolder = None,
    via: Annotated[str | None, typer.Option(help="Score captions in this language, translated.")] = None,
    encoder_weights: Weights = None,
    runtime: RuntimeName = None,
) -> None:
    """Score a language's captions: BLEU-1..4 and chrF++, with their signatures."""
    from polycap.commands import load_captioners, translated_by
    from polycap.dataset import score_against
    from polycap.registry import get_language
    from polycap.runtime.choose import open_runtime

    language = get_language(code)  # one, where `load_captioners` takes several
    if via and record:
        raise PolycapError(
            "--record enters a decoder's scores in its own pack; with --via there is none of this language"
        )
    dataset = score_against(read_dataset(data, [str(references)] if references else [], origin), split, origin)
    # a score is compared with others: by default the reference computes it
    opened = open_runtime(runtime, reference=True)
    [captioner] = load_captioners(
        language.code, beam=beam, pack=pack, weights=encoder_weights, via=via, always_via=True, runtime=opened
    )
    from polycap.decoder.pack import record_scores
    from polycap.evaluation import evaluate_captioner
    from polycap.features.prepare import open_features

    store = open_features(features).stores[0] if features else None
    folder = out or Path("evaluation") / "-".join([code, split, *(["via", via] if via else [])])
    scores = evaluate_captioner(captioner, dataset, split, store=store, raw=raw, folder=folder)
    row = scores.to_json(language=code, split=split) | ({"via": translated_by(captioner)} if via else {})
    if record:
        record_scores(captioner.pack.folder, row)
    if as_json:
        print_json(row)
        return
    print_row(row)
    note(f"predictions and references are in {folder}")
