"""`polycap train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polycap.cli.command import with_options
from polycap.cli.options import (
    CaptionFile,
    CaptionsOption,
    Data,
    EncoderFolder,
    Origin,
    PhotoFolder,
    Settings,
    read_dataset,
)
from polycap.cli.output import print_line
from polycap.errors import PolycapError
from polycap.machine.extras import require_keras

if TYPE_CHECKING:
    from polycap.dataset import Dataset
    from polycap.language import Language

__all__ = ["train"]


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Arguments of `polycap train`."""

    code: Annotated[str, typer.Argument(help="Language.")]
    data: Data
    out: Annotated[Path, typer.Option(help="Folder of the run; an unfinished run there is resumed.")]
    features: Annotated[Path, typer.Option(help="Output folder of `polycap features`.")] = Path("features")
    captions: CaptionsOption = None
    origin: Origin = None
    caption_file: CaptionFile = None
    photo_folder: PhotoFolder = None
    settings: Settings = None
    start: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pack whose weights training begins with; with another tokenizer, all weights but "
            "those of the tokens.",
            show_default="none",
        ),
    ] = None
    encoder: EncoderFolder = None
    terms: Annotated[
        list[str] | None, typer.Option(help="Terms of the captions, for the pack's card.", show_default="none")
    ] = None


@with_options
def train(options: TrainArguments) -> None:
    """Train a language's decoder and write its pack. A run that was stopped is resumed."""
    from polycap.language import get_language
    from polycap.pipeline.steps import parse_settings, train_language

    require_keras("polycap train")
    language = get_language(options.code, writable=True)
    settings = parse_settings(options.settings or [], language)
    pack = train_language(
        language,
        _read(options, language),
        options.features,
        options.out,
        settings,
        start=options.start,
        encoder=options.encoder,
        terms=options.terms or (),
    )
    print_line(pack)


def _read(options: TrainArguments, language: "Language") -> "Dataset":
    """Read the dataset with the language's captions, none of which has to be translated first."""
    captions = options.captions or []
    if not captions and any(source.translated for source in language.captions):
        raise PolycapError(
            f"{language.folder / 'language.toml'}:captions: some are to be translated first, as `polycap build "
            f"{language.code}` does; or name all of them with `captions`"
        )
    return read_dataset(
        options.data,
        captions,
        options.origin,
        language,
        caption_file=options.caption_file,
        photo_folder=options.photo_folder,
    )
