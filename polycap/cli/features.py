"""`polycap features`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import MaxMegapixels, PrecisionName, RuntimeName, Weights, limit_photos
from polycap.cli.output import print_notes

__all__ = ["make_features"]


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
    from polycap.pipeline import steps
    from polycap.runtime.choose import open_runtime

    limit_photos(max_megapixels)
    opened = open_runtime(runtime, precision=precision)
    dataset = load_dataset(data)
    features = steps.make_features(
        dataset,
        lambda: opened.encoder(encoder_weights),
        out,
        components=components,
        pca=pca,
        mirrored=mirrored,
        keep_full=keep_full,
    )
    print_notes(f"{name}: {reason}" for name, reason in features.stores[0].faults.items())
    kept = f"{features.pca.blocks[0][1]} components of the last cells keep {features.pca.variance:.1%} of the variance"
    typer.echo(f"{out}: {len(dataset.photos)} photos, {len(features.stores)} views; {kept}")
