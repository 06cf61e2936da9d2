"""The command line: parse, call, print. Results go to stdout, all else to stderr."""

import json
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from polycap.errors import PolycapError

__all__ = ["app", "main"]

app = typer.Typer(help="Describe photos in your own language.", no_args_is_help=True, pretty_exceptions_enable=False)
data_app = typer.Typer(help="Look at a dataset, or download one.", no_args_is_help=True)
app.add_typer(data_app, name="data")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Weights = Annotated[Path | None, typer.Option(help="The encoder's weights (.safetensors, .h5, .keras or .whl).")]
PackFolder = Annotated[Path | None, typer.Option("--pack", help="A pack other than the language's own.")]
Data = Annotated[Path, typer.Option(help="The dataset's folder: photos, captions, split files.")]


def main() -> None:
    """Run the command line; polycap's own errors become one line and status 1."""
    logging.basicConfig(level=logging.WARNING, format="polycap: %(message)s", stream=sys.stderr)
    logging.getLogger("polycap").setLevel(logging.INFO)
    try:
        app()
    except PolycapError as error:
        sys.exit(f"polycap: {error}")
    except BrokenPipeError:  # the reader has seen enough, as in `polycap … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(f"polycap: {error.filename or ''}: {error.strerror or error}")


@app.command("languages")
def list_languages(as_json: AsJson = False) -> None:
    """List the languages, and which have a trained pack."""
    from polycap.registry import available_languages

    entries = available_languages()
    rows: list[dict[str, Any]] = []
    for entry in entries:
        row: dict[str, Any] = dict.fromkeys(("name", "native_name", "script", "direction"))
        if entry.language:
            row = {key: getattr(entry.language, key) for key in row}
        rows.append({"code": entry.code, **row, "status": entry.status})
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['code']:10} {row['status']:10} {row['name'] or '':24} {row['native_name'] or ''}")
    for entry in entries:
        for fault in entry.faults:
            _note(f"{entry.code}: {fault}")


@data_app.command("check")
def data_check(
    folder: Annotated[Path, typer.Argument(help="The dataset's folder.")],
    decode: Annotated[bool, typer.Option(help="Open every photo.")] = True,
    as_json: AsJson = False,
) -> None:
    """Say what a dataset holds, and everything that is wrong with it; status 1 if anything is."""
    from polycap.dataset import check_dataset

    report = check_dataset(folder, decode)
    if as_json:
        _print_json(report.to_json())
    else:
        typer.echo("\n".join(report.lines()))
    raise typer.Exit(1 if report.faults else 0)


@data_app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="The dataset: flickr8k.")],
    folder: Annotated[Path, typer.Argument(help="Where to put it.")],
) -> None:
    """Download a dataset: 1.1 GB for flickr8k; resumes where it was stopped."""
    from polycap.dataset import fetch_flickr8k
    from polycap.errors import DatasetError

    if name != "flickr8k":
        raise DatasetError(f"{name}: no such dataset to fetch; there is flickr8k")
    dataset = fetch_flickr8k(folder)
    typer.echo(f"{folder}: {len(dataset.photos)} photos with captions; see `polycap data check {folder}`")


@app.command("features")
def make_features(
    data: Annotated[Path, typer.Argument(help="The dataset's folder.")],
    out: Annotated[Path, typer.Option(help="Where the features go.")] = Path("features"),
    components: Annotated[int, typer.Option(min=1, max=2048, help="Channels per cell after the PCA.")] = 512,
    mirrored: Annotated[bool, typer.Option(help="Make a second view, flipped left to right.")] = True,
    keep_full: Annotated[bool, typer.Option(help="Keep the unreduced features, 3.3 GB a view.")] = False,
    encoder_weights: Weights = None,
) -> None:
    """Encode a dataset's photos, once for all languages; resumes where it was stopped."""
    from polycap.dataset import load_dataset

    dataset = load_dataset(data)
    from polycap.features.encoder import Encoder
    from polycap.features.prepare import prepare_features

    features = prepare_features(
        dataset,
        Encoder.load(encoder_weights),
        out,
        components=components,
        mirrored=mirrored,
        keep_full=keep_full,
    )
    _note_all(f"{name}: {reason}" for name, reason in features.stores[0].faults.items())
    kept = f"{components} components keep {features.pca.variance:.1%} of the variance"
    typer.echo(f"{out}: {len(dataset.photos)} photos, {len(features.stores)} views; {kept}")


@app.command("train")
def train(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="The run's folder; an unfinished run there is gone on with.")],
    features: Annotated[Path, typer.Option(help="What `polycap features` made.")] = Path("features"),
    captions: Annotated[Path | None, typer.Option(help="Captions of these photos in the language.")] = None,
    origin: Annotated[str, typer.Option(help="Where --captions come from: human, mt:…")] = "human",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting, such as epochs=20 or kind=merge.")
    ] = None,
) -> None:
    """Train a language's decoder and write its pack; resumes where it was stopped."""
    from polycap.registry import get_language
    from polycap.training.settings import parse_settings

    language, settings = get_language(code), parse_settings(setting or [])
    dataset = _dataset(data, captions, origin)
    # mistakes are told before TensorFlow is loaded
    from polycap.features.prepare import open_features
    from polycap.training.run import TrainingInputs, train_decoder

    opened = open_features(features)
    typer.echo(train_decoder(TrainingInputs(language, dataset, opened.stores, opened.pca), out, settings))


@app.command("caption")
def caption(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    language: Annotated[str, typer.Option(help='Codes with commas between, or "all" that are trained.')] = "en",
    beam: Annotated[int | None, typer.Option(min=1, max=64, help="Beam width; 1 is greedy.")] = None,
    n_best: Annotated[int, typer.Option(min=1, max=64, help="Captions per photo and language; at most --beam.")] = 1,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with the photos.")] = None,
    pack: PackFolder = None,
    encoder_weights: Weights = None,
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
    )
    _note_all(errors)
    raise typer.Exit(1 if errors else 0)


@app.command("evaluate")
def evaluate(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Data,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "dev",
    references: Annotated[Path | None, typer.Option(help="Other references than the dataset's captions.")] = None,
    origin: Annotated[str, typer.Option(help="Where --references come from: human, mt:…")] = "human",
    beam: Annotated[int | None, typer.Option(min=1, max=64, help="Beam width; 1 is greedy.")] = None,
    raw: Annotated[bool, typer.Option(help="Keep case and punctuation.")] = False,
    features: Annotated[Path | None, typer.Option(help="Features made before, instead of the photos.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where predictions and references go.")] = None,
    record: Annotated[bool, typer.Option(help="Enter the scores in the pack's card.")] = False,
    as_json: AsJson = False,
    pack: PackFolder = None,
    encoder_weights: Weights = None,
) -> None:
    """Score a language's captions: BLEU-1..4 and chrF++, with their signatures."""
    from polycap.commands import load_captioners
    from polycap.registry import get_language

    language = get_language(code)  # one, where `load_captioners` takes several
    dataset = _dataset(data, references, origin)
    [captioner] = load_captioners(language.code, beam=beam, pack=pack, weights=encoder_weights)
    from polycap.decoder.pack import record_scores
    from polycap.evaluation import evaluate_captioner
    from polycap.features.prepare import open_features

    store = open_features(features).stores[0] if features else None
    folder = out or Path("evaluation") / f"{code}-{split}"
    scores = evaluate_captioner(captioner, dataset, split, store=store, raw=raw, folder=folder)
    row = scores.to_json(language=code, split=split)
    if record:
        record_scores(captioner.pack.folder, row)
    if as_json:
        _print_json(row)
        return
    for key, value in row.items():
        typer.echo(f"{key:20} {value:.2f}" if isinstance(value, float) else f"{key:20} {value}")
    _note(f"predictions and references are in {folder}")


def _dataset(data: Path, captions: Path | None, origin: str) -> Any:
    from polycap.dataset import load_dataset, read_captions

    dataset = load_dataset(data)
    faults = list(dataset.faults)
    if captions is not None:
        others, faults = read_captions(captions)
        dataset = dataset.with_captions(others, origin)
    if faults:
        _note(f"{len(faults)} faults in {captions or data}, first: {faults[0]}")
    return dataset


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _note(message: str) -> None:
    typer.echo(f"polycap: {message}", err=True)


def _note_all(messages: Iterable[object]) -> None:
    for message in messages:
        _note(str(message))
