"""Commands about photos: what a dataset holds, getting one, encoding it, fitting the encoder to them."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.common import AsJson, MaxMegapixels, PrecisionName, RuntimeName, Weights, limit_photos
from polycap.cli.output import note_all, print_json
from polycap.errors import DatasetError, PhotoError
from polycap.extras import require_extra

__all__ = ["data_check", "data_fetch", "make_features", "quantize"]


def data_check(
    folder: Annotated[Path, typer.Argument(help="The dataset's folder.")],
    decode: Annotated[bool, typer.Option(help="Open every photo.")] = True,
    as_json: AsJson = False,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Say what a dataset holds, and all that is wrong with it. The status is 1 if anything is."""
    from polycap.dataset import check_dataset

    limit_photos(max_megapixels)
    report = check_dataset(folder, decode)
    if as_json:
        print_json(report.to_json())
    else:
        typer.echo("\n".join(report.lines()))
    raise typer.Exit(1 if report.faults else 0)


def data_fetch(
    name: Annotated[str, typer.Argument(help="The dataset: flickr8k.")],
    folder: Annotated[Path, typer.Argument(help="Where to put it.")],
) -> None:
    """Download a dataset. flickr8k is 1.1 GB; resumes where it was stopped."""
    from polycap.dataset import fetch_flickr8k

    if name != "flickr8k":
        raise DatasetError(f"{name}: no such dataset to fetch; there is flickr8k")
    dataset = fetch_flickr8k(folder)
    typer.echo(f"{folder}: {len(dataset.photos)} photos with captions; see `polycap data check {folder}`")


def make_features(
    data: Annotated[Path, typer.Argument(help="The dataset's folder.")],
    out: Annotated[Path, typer.Option(help="Where the features go.")] = Path("features"),
    components: Annotated[int, typer.Option(min=1, max=2048, help="The last cells' channels after the PCA.")] = 512,
    pca: Annotated[
        Path | None,
        typer.Option(help="A pack whose PCA to use, as `polycap train --start PACK` needs; else one is fitted."),
    ] = None,
    mirrored: Annotated[bool, typer.Option(help="Make a second view, flipped left to right.")] = True,
    keep_full: Annotated[bool, typer.Option(help="Keep the unreduced features, 4.6 GB a view.")] = False,
    encoder_weights: Weights = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Encode a dataset's photos, once for all languages. Resumes where it was stopped."""
    from polycap.dataset import load_dataset
    from polycap.features.prepare import load_pca, prepare_features
    from polycap.runtime.choose import open_runtime
    from polycap.staging import alone

    limit_photos(max_megapixels)
    opened = open_runtime(runtime, precision=precision)
    dataset = load_dataset(data)
    with alone(out, "features", wait=True):
        features = prepare_features(
            dataset,
            opened.encoder(encoder_weights),
            out,
            components=components,
            pca=load_pca(pca) if pca else None,
            mirrored=mirrored,
            keep_full=keep_full,
        )
    note_all(f"{name}: {reason}" for name, reason in features.stores[0].faults.items())
    kept = f"{features.pca.blocks[0][1]} components of the last cells keep {features.pca.variance:.1%} of the variance"
    typer.echo(f"{out}: {len(dataset.photos)} photos, {len(features.stores)} views; {kept}")


def quantize(
    photos: Annotated[list[Path] | None, typer.Argument(help="Some hundred photos, or folders of them.")] = None,
    data: Annotated[Path | None, typer.Option(help="A dataset's folder, for its train photos.")] = None,
    encoder_weights: Weights = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Make the encoder for `--precision int8`, once. Tries it on photos like those to be captioned, in some minutes."""
    from polycap.dataset import load_dataset
    from polycap.features.images import find_photos
    from polycap.runtime.quantize import quantize_encoder

    limit_photos(max_megapixels)
    require_extra("int8", "polycap quantize")
    if (data is None) == (not photos):
        raise PhotoError("name photos, or a dataset with --data: one of the two")
    train = load_dataset(data).split("train") if data else []
    paths = [photo.path for photo in train] or [path for place in photos or [] for path in find_photos(place)]
    made = quantize_encoder(paths, encoder_weights)
    note_all(made.faults)
    typer.echo(f"{made.path}: int8, from {made.photos} photos")
