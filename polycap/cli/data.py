"""`polycap data check` and `polycap data fetch`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli import name_options
from polycap.cli.options import AsJson, CaptionFile, MaxMegapixels, PhotoFolder, limit_photos
from polycap.cli.output import print_json, print_line, print_lines
from polycap.errors import DatasetError

__all__ = ["data_check", "data_fetch"]


def data_check(
    folder: Annotated[Path, typer.Argument(help="Folder of the dataset.")],
    decode: Annotated[bool, typer.Option(help="Decode every photo, to find those that can't be read.")] = True,
    caption_file: CaptionFile = None,
    photo_folder: PhotoFolder = None,
    as_json: AsJson = False,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Print what a dataset holds, and all its faults. The exit status is 1 if there are faults."""
    from polycap.dataset.check import check_dataset

    limit_photos(max_megapixels)
    report = check_dataset(folder, decode, caption_file=caption_file, photo_folder=photo_folder)
    if as_json:
        print_json(report.to_json())
    else:
        print_lines(map(name_options, report.lines()))
    raise typer.Exit(1 if report.faults else 0)


def data_fetch(
    name: Annotated[str, typer.Argument(help="Name of the dataset: flickr8k.")],
    folder: Annotated[Path, typer.Argument(help="Folder for the dataset.")],
) -> None:
    """Download a dataset; flickr8k is 1.1 GB. A download that was stopped is resumed."""
    from polycap.dataset.flickr8k import fetch_flickr8k

    if name != "flickr8k":
        raise DatasetError(f"{name}: no such dataset to fetch; there is flickr8k")
    dataset = fetch_flickr8k(folder)
    print_line(f"{folder}: {len(dataset.photos)} photos with captions; see `polycap data check {folder}`")
