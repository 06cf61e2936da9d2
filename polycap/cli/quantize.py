"""`polycap quantize`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import EncoderFolder, MaxMegapixels, limit_photos
from polycap.cli.output import print_line, print_notes
from polycap.errors import PhotoError
from polycap.machine.extras import require_extra

__all__ = ["quantize"]


def quantize(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(help="Some hundred photos, or folders of photos.", show_default="none, with --data"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of a dataset, for its train photos.", show_default="none")
    ] = None,
    encoder: EncoderFolder = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Make the encoder for `--precision int8`, once. Use photos like those to be captioned; it takes some minutes."""
    from polycap.dataset import load_dataset
    from polycap.photos.find import find_photos
    from polycap.runtime.quantize import quantize_encoder

    limit_photos(max_megapixels)
    require_extra("int8", "polycap quantize")
    if (data is None) == (not photos):
        raise PhotoError("name photos, or a dataset with --data: one of the two")
    train = load_dataset(data).split("train") if data else []
    found = [find_photos(place) for place in photos or []]
    for each in found:
        print_notes([*each.faults.values(), *filter(None, [each.skipped_line()])])
    paths = [photo.path for photo in train] or [path for each in found for path in each.photos]
    result = quantize_encoder(paths, encoder)
    print_notes(result.faults)
    print_line(f"{result.path}: int8, from {result.photos} photos")
