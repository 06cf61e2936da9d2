"""`polycap features`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import (
    CaptionFile,
    EncoderFolder,
    MaxMegapixels,
    PhotoFolder,
    PrecisionName,
    RuntimeName,
    limit_photos,
)
from polycap.cli.output import print_line, print_notes

__all__ = ["features"]


@dataclass(frozen=True, kw_only=True)
class FeaturesArguments:
    """Arguments of `polycap features`."""

    data: Annotated[Path, typer.Argument(help="Folder of the dataset.")]
    out: Annotated[Path, typer.Option(help="Folder of the features.")] = Path("features")
    mirrored: Annotated[bool, typer.Option(help="Also encode horizontally flipped photos.")] = True
    caption_file: CaptionFile = None
    photo_folder: PhotoFolder = None
    encoder: EncoderFolder = None
    runtime: RuntimeName = None
    precision: PrecisionName = None
    max_megapixels: MaxMegapixels = None


@with_options
def features(options: FeaturesArguments) -> None:
    """Encode a dataset's photos, once for all languages. A run that was stopped is resumed."""
    from polycap.dataset import load_dataset
    from polycap.pipeline.steps import FeatureOptions, make_features

    limit_photos(options.max_megapixels)
    chosen = FeatureOptions(
        mirrored=options.mirrored,
        encoder=options.encoder,
        runtime=options.runtime,
        precision=options.precision,
    )
    chosen.load_encoder()  # a runtime that is not installed is reported before the dataset is read
    dataset = load_dataset(options.data, caption_file=options.caption_file, photo_folder=options.photo_folder)
    result = make_features(dataset, options.out, chosen)
    print_notes(f"{name}: {reason}" for name, reason in result.stores[0].faults.items())
    cells, channels = result.stores[0].shape
    shape = f"{cells} cells of {channels} channels each"
    print_line(f"{options.out}: {len(dataset.photos)} photos, {len(result.stores)} views; {shape}")
