"""Options that several commands have."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polycap.captioning.options import CaptionerOptions
from polycap.cli.output import print_note

if TYPE_CHECKING:
    from polycap.dataset import Dataset
    from polycap.language import Language

__all__ = [
    "CAPTIONS_DEFAULT",
    "ENCODER_DEFAULT",
    "FOUND_DEFAULT",
    "ORIGIN_DEFAULT",
    "SETTINGS_DEFAULT",
    "AsJson",
    "Beam",
    "CaptionFile",
    "CaptionerArguments",
    "CaptionsOption",
    "Data",
    "EncoderFolder",
    "MaxMegapixels",
    "Origin",
    "PackFolder",
    "PhotoFolder",
    "PrecisionName",
    "RuntimeName",
    "Settings",
    "Weights",
    "Work",
    "caption_file_option",
    "captions_option",
    "encoder_option",
    "limit_photos",
    "megapixels_option",
    "origin_option",
    "photo_folder_option",
    "read_dataset",
    "settings_option",
]


CAPTIONS_DEFAULT = "the language's [[captions]] files, else the dataset's captions"
ORIGIN_DEFAULT = "human"
FOUND_DEFAULT = "looked for"
SETTINGS_DEFAULT = "the language's [decoder], and the recipe of the English pack"
ENCODER_DEFAULT = "POLYCAP_ENCODER, else the shipped one"


def captions_option(default: str, help_text: str | None = None) -> Any:
    """Return the option `--captions`, whose default depends on the command."""
    learned = (
        "Captions of these photos in the language. With weight=2 they are learned from twice as often as a photo's "
        "others."
    )
    return typer.Option(metavar="FILE[,origin=…][,weight=…]", help=help_text or learned, show_default=default)


def caption_file_option(default: str) -> Any:
    """Return the option `--caption-file`."""
    return typer.Option(help="The dataset's own caption file, where its folder has several.", show_default=default)


def photo_folder_option(default: str) -> Any:
    """Return the option `--photo-folder`."""
    return typer.Option(help="Folder of the dataset's photos, where it has several.", show_default=default)


def origin_option(default: str) -> Any:
    """Return the option `--origin`."""
    return typer.Option(help="Origin of captions whose file names none: human or mt:NAME.", show_default=default)


def settings_option(default: str) -> Any:
    """Return the option `--set`."""
    help_text = "Training setting, such as epochs=20 or kind=merge."
    return typer.Option("--set", metavar="NAME=VALUE", help=help_text, show_default=default)


def encoder_option(default: str) -> Any:
    """Return the option `--encoder`."""
    return typer.Option("--encoder", help="Folder of the encoder, of `polycap tune-encoder`.", show_default=default)


def megapixels_option(default: str | bool = True) -> Any:
    """Return the option `--max-megapixels`. (default: the parameter's own)"""
    return typer.Option(
        "--max-megapixels",
        envvar="POLYCAP_MAX_MEGAPIXELS",
        min=0.01,
        help="Decoded megapixels of a photo, at most. A JPEG is decoded smaller: a baseline one may have 250, a "
        "progressive one 60.",
        show_default=default,
    )


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Beam = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="Width of the beam search; 1 is greedy.", show_default="the language's own"),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        help="File of Xception's weights to begin with (.safetensors, .h5, .keras or .whl).",
        show_default="POLYCAP_XCEPTION_WEIGHTS, else the cache, else a download",
    ),
]
EncoderFolder = Annotated[Path | None, encoder_option(ENCODER_DEFAULT)]
RuntimeName = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        envvar="POLYCAP_RUNTIME",
        help="Runtime: openvino (fast), keras (the reference), or auto, the first that is installed.",
        show_default="auto",
    ),
]
PrecisionName = Annotated[
    str | None,
    typer.Option(
        "--precision",
        envvar="POLYCAP_PRECISION",
        help="Precision of the encoder: f32 (exact), bf16 (faster), int8 (less exact; after `polycap quantize`), or "
        "auto: bf16 on CPUs where it is faster, else f32.",
        show_default="auto",
    ),
]
PackFolder = Annotated[
    Path | None, typer.Option("--pack", help="Folder of the pack.", show_default="the language's own")
]
Work = Annotated[Path, typer.Option(help="Folder of all builds; languages in it share features.")]
Data = Annotated[Path, typer.Option(help="Folder of the dataset: photos, captions, split files.")]
CaptionFile = Annotated[Path | None, caption_file_option(FOUND_DEFAULT)]
PhotoFolder = Annotated[Path | None, photo_folder_option(FOUND_DEFAULT)]
CaptionsOption = Annotated[list[str] | None, captions_option(CAPTIONS_DEFAULT)]
Origin = Annotated[str | None, origin_option(ORIGIN_DEFAULT)]
Settings = Annotated[list[str] | None, settings_option(SETTINGS_DEFAULT)]
MaxMegapixels = Annotated[float | None, megapixels_option("50")]


@dataclass(frozen=True, kw_only=True)
class CaptionerArguments:
    """Options of the commands that caption photos."""

    beam: Beam = None
    pack: PackFolder = None
    encoder: EncoderFolder = None
    runtime: RuntimeName = None
    precision: PrecisionName = None
    max_megapixels: MaxMegapixels = None

    def captioner(self, **more: Any) -> CaptionerOptions:
        """Return the captioners' options, with others of `CaptionerOptions`; limit the photos of this process."""
        limit_photos(self.max_megapixels)
        names = ("beam", "pack", "encoder", "runtime", "precision")
        return CaptionerOptions(**{name: getattr(self, name) for name in names}, **more)


def limit_photos(megapixels: float | None) -> None:
    """Set the limit of photos for this process."""
    if megapixels is not None:
        os.environ["POLYCAP_MAX_MEGAPIXELS"] = f"{megapixels:g}"


def read_dataset(
    data: Path,
    captions: Sequence[str] = (),
    origin: str | None = None,
    language: "Language | None" = None,
    *,
    caption_file: Path | None = None,
    photo_folder: Path | None = None,
) -> "Dataset":
    """Read a dataset with the given captions, or else those of the language's `[[captions]]` files; print its faults.

    Args:
        data: folder of the dataset.
        captions: caption files, `FILE[,origin=…][,weight=…]`. (default: none)
        origin: origin of captions whose file names none. (default: human)
        language: language whose `[[captions]]` files are read without `captions`. (default: none)
        caption_file, photo_folder: as for `load_dataset`.
    """
    from polycap.dataset import CaptionSource, load_with_captions, sources_of

    sources = [CaptionSource.parse(source, origin) for source in captions]
    if language and not sources:
        sources = sources_of(language.caption_files(data))
    dataset, faults = load_with_captions(data, sources, caption_file=caption_file, photo_folder=photo_folder)
    if faults:
        last = f"; last: {faults[-1]}" if len(faults) > 1 else ""
        names = ", ".join(str(source.path) for source in sources) or data
        print_note(f"{len(faults)} faults in {names}, first: {faults[0]}{last}")
    return dataset
