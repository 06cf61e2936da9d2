"""Options that several commands have."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from polycap.cli.output import print_note

__all__ = [
    "AsJson",
    "CaptionsOption",
    "Data",
    "MaxMegapixels",
    "Origin",
    "PackFolder",
    "PrecisionName",
    "RuntimeName",
    "Weights",
    "Work",
    "limit_photos",
    "read_dataset",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Weights = Annotated[Path | None, typer.Option(help="The encoder's weights (.safetensors, .h5, .keras or .whl).")]
RuntimeName = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        envvar="POLYCAP_RUNTIME",
        help="What computes: openvino (fast), keras (the reference) or auto, the first that is there.",
    ),
]
PrecisionName = Annotated[
    str | None,
    typer.Option(
        "--precision",
        envvar="POLYCAP_PRECISION",
        help="In which numbers the encoder computes: f32 (exact), bf16 (faster), int8 (less exact; after `polycap "
        "quantize`) or auto, bf16 where the CPU is faster so.",
    ),
]
PackFolder = Annotated[Path | None, typer.Option("--pack", help="A pack other than the language's own.")]
Work = Annotated[Path, typer.Option(help="The folder of all that builds make; languages in it share features.")]
Data = Annotated[Path, typer.Option(help="The dataset's folder: photos, captions, split files.")]
CaptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE[,origin=…][,weight=…]",
        help="Captions of these photos in the language; may be given again. With weight=2 they are learned from twice "
        "as often as a photo's others. They take the place of the language's [[captions]].",
    ),
]
Origin = Annotated[
    str | None, typer.Option(help="Who wrote captions of which their file does not say: human, which is so, mt:…")
]

MaxMegapixels = Annotated[
    float | None,
    typer.Option(
        "--max-megapixels",
        envvar="POLYCAP_MAX_MEGAPIXELS",
        min=0.01,
        help="Decoded megapixels of a photo, at most. A JPEG is decoded smaller: a baseline one may have 250, a "
        "progressive one 60. (default: 50)",
    ),
]


def limit_photos(megapixels: float | None) -> None:
    """Set the limit of photos for this process."""
    if megapixels is not None:
        os.environ["POLYCAP_MAX_MEGAPIXELS"] = f"{megapixels:g}"


def read_dataset(data: Path, captions: list[str], origin: str | None, language: Any = None) -> Any:
    """The dataset, with the captions given, or else those of the language's `[[captions]]` files."""
    from polycap.dataset import CaptionSource, load_with_captions, sources_of

    sources = [CaptionSource.parse(source, origin) for source in captions]
    if language and not sources:
        sources = sources_of(language.caption_files(data))
    dataset, faults = load_with_captions(data, sources)
    if faults:
        last = f"; last: {faults[-1]}" if len(faults) > 1 else ""
        names = ", ".join(str(source.path) for source in sources) or data
        print_note(f"{len(faults)} faults in {names}, first: {faults[0]}{last}")
    return dataset
