"""`polycap features`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import MaxMegapixels, PrecisionName, RuntimeName, Weights, limit_photos
from polycap.cli.output import print_notes

__all__ = ["features"]


@dataclass(frozen=True, kw_only=True)
class FeaturesArguments:
    """Arguments of `polycap features`."""

    data: Annotated[Path, typer.Argument(help="Folder of the dataset.")]
    out: Annotated[Path, typer.Option(help="Folder of the features.")] = Path("features")
    components: Annotated[int, typer.Option(min=1, max=2048, help="Channels of the last cells after the PCA.")] = 512
    pca: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a pack whose PCA to use, as `polycap train --start PACK` needs.",
            show_default="one is fitted on the train photos",
        ),
    ] = None
    mirrored: Annotated[bool, typer.Option(help="Also encode horizontally flipped photos.")] = True
    keep_full: Annotated[bool, typer.Option(help="Keep the unreduced features, 4.6 GB a view.")] = False
    encoder_weights: Weights = None
    runtime: RuntimeName = None
    precision: PrecisionName = None
    max_megapixels: MaxMegapixels = None


@with_options
def features(options: FeaturesArguments) -> None:
    """Encode a dataset's photos, once for all languages. A run that was stopped is resumed."""
    from polycap.dataset import load_dataset
    from polycap.pipeline.steps import FeatureOptions, make_features

    limit_photos(options.max_megapixels)
    dataset = load_dataset(options.data)
    result = make_features(
        dataset,
        options.out,
        FeatureOptions(
            components=options.components,
            pca=options.pca,
            mirrored=options.mirrored,
            keep_full=options.keep_full,
            encoder_weights=options.encoder_weights,
            runtime=options.runtime,
            precision=options.precision,
        ),
    )
    print_notes(f"{name}: {reason}" for name, reason in result.stores[0].faults.items())
    kept = f"{result.pca.blocks[0][1]} components of the last cells keep {result.pca.variance:.1%} of the variance"
    typer.echo(f"{options.out}: {len(dataset.photos)} photos, {len(result.stores)} views; {kept}")
