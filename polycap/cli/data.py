"""`polycap data check` and `polycap data fetch`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli import name_options
from polycap.cli.options import AsJson, MaxMegapixels, limit_photos
from polycap.cli.output import print_json
from polycap.errors import DatasetError

__all__ = ["data_check", "data_fetch"]


def data_check(
    folder: Annotated[Path, typer.Argument(help="The dataset's folder.")],
    decode: Annotated[bool, typer.Option(help="Open every photo.")] = True,
    as_json: AsJson = False,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Say what a dataset holds, and all that is wrong with it. The status is 1 if anything is."""
    from polycap.dataset.check import check_dataset

    limit_photos(max_megapixels)
    report = check_dataset(folder, decode)
    if as_json:
        print_json(report.to_json())
    else:
        typer.echo(name_options("\n".join(report.lines())))
    raise typer.Exit(1 if report.faults else 0)


def data_fetch(
    name: Annotated[str, typer.Argument(help="The dataset: flickr8k.")],
    folder: Annotated[Path, typer.Argument(help="Where to put it.")],
) -> None:
    """Download a dataset. flickr8k is 1.1 GB; resumes where it was stopped."""
    from polycap.dataset.flickr8k import fetch_flickr8k

    if name != "flickr8k":
        raise DatasetError(f"{name}: no such dataset to fetch; there is flickr8k")
    dataset = fetch_flickr8k(folder)
    typer.echo(f"{folder}: {len(dataset.photos)} photos with captions; see `polycap data check {folder}`")
