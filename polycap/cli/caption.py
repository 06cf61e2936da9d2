"""`polycap caption`."""

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from polycap.captioning.options import CaptionerOptions
from polycap.captioning.rows import caption_rows, error_row, text_lines
from polycap.cli.options import (
    AsJson,
    Beam,
    MaxMegapixels,
    PackFolder,
    PrecisionName,
    RuntimeName,
    Weights,
    limit_photos,
)
from polycap.cli.output import print_notes
from polycap.errors import PhotoError, PolycapError

if TYPE_CHECKING:
    from polycap.captioning.group import CaptionerGroup
    from polycap.captioning.stream import PhotoCaptions
    from polycap.photos.load import PhotoBytes

__all__ = ["caption"]

logger = logging.getLogger(__name__)

STANDARD_INPUT = Path("-")
"""Path that means a photo on standard input; a file of this name needs its whole path."""


def caption(
    photos: Annotated[list[str], typer.Argument(help="Photos, folders of photos, or - for standard input.")],
    language: Annotated[
        str | None,
        typer.Option(
            envvar="POLYCAP_LANGUAGE",
            help='Languages: codes with commas between, or "all" trained languages.',
            show_default="trained languages whose captions are not translated",
        ),
    ] = None,
    beam: Beam = None,
    n_best: Annotated[int, typer.Option(min=1, max=64, help="Captions per photo and language; at most --beam.")] = 1,
    as_json: AsJson = False,
    html: Annotated[
        Path | None, typer.Option(help="Also write an HTML page with the photos.", show_default="none")
    ] = None,
    pack: PackFolder = None,
    via: Annotated[
        str | None,
        typer.Option(
            help="Language to caption in and to translate from, for languages without a decoder.", show_default="none"
        ),
    ] = None,
    encoder_weights: Weights = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Caption photos. Photos that can't be read are listed at the end, and the exit status is then 1."""
    limit_photos(max_megapixels)
    if "" in photos:  # Path("") is the current folder
        raise PolycapError('"": names no photo; is a variable empty? This folder is "."')
    options = CaptionerOptions(beam, n_best, pack, encoder_weights, via, runtime=runtime, precision=precision)
    all_photos, missing = _find_all(map(Path, photos))
    if as_json:
        for path, error in missing.items():
            print(_line(error_row(path, error)))
    errors = list(missing.values())
    if all_photos:
        errors += _print_captions(all_photos, language, options, as_json=as_json, html=html)
    print_notes(errors)
    raise typer.Exit(1 if errors else 0)


def _find_all(paths: Iterable[Path]) -> "tuple[list[Path | PhotoBytes], dict[Path, str]]":
    """Return the photos of all paths, and errors by path."""
    from polycap.photos.find import find_photos

    photos: list[Path | PhotoBytes] = []
    errors: dict[Path, str] = {}
    for path in paths:
        try:
            photos += [_standard_input()] if path == STANDARD_INPUT else find_photos(path)
        except PhotoError as error:
            errors[path] = str(error)
    return photos, errors


def _standard_input() -> "PhotoBytes":
    from polycap.photos.load import PhotoBytes

    if sys.stdin is None:  # some service managers start processes without it
        raise PhotoError("-: standard input is closed; give a file, or a pipe")
    return PhotoBytes("-", sys.stdin.buffer.read())


def _print_captions(
    photos: "Sequence[Path | PhotoBytes]",
    languages: str | None,
    options: CaptionerOptions,
    *,
    as_json: bool,
    html: Path | None,
) -> list[str]:
    """Print the captions of each photo when they are ready, write the page, and return the errors of photos."""
    from polycap.captioning.page import prepare_page, write_page

    if html is not None:
        prepare_page(html)
    group = _load(languages, options)
    results = group.pipe(photos, n_best=options.n_best, errors="return")
    is_shown = len(photos) >= 8 and sys.stderr.isatty()
    kept: list[PhotoCaptions] = []
    errors: list[str] = []
    for result in tqdm(results, total=len(photos), unit="photo", disable=not is_shown):
        for line in _lines(result, as_json=as_json, name_language=len(group.captioners) > 1):
            tqdm.write(line, file=sys.stdout)
        if isinstance(result, PhotoError):
            errors.append(str(result))
        if html is not None:
            kept.append(result)
    if html is not None:
        write_page(html, "Captions by polycap", kept)
    return errors


def _load(languages: str | None, options: CaptionerOptions) -> "CaptionerGroup":
    from polycap.captioning.load import check_left_out, load_captioners

    captioners, left_out = load_captioners(languages, options)
    check_left_out(languages, left_out)
    for captioner in captioners:
        if captioner.translated_by:
            logger.info("%s: captions are translated, by %s", captioner.language.code, captioner.translated_by)
    from polycap.captioning.group import CaptionerGroup

    return CaptionerGroup(captioners)


def _lines(result: "PhotoCaptions", *, as_json: bool, name_language: bool) -> list[str]:
    """Return the lines that are printed for a photo."""
    if as_json:
        return [_line(row) for row in caption_rows(result)]
    return [] if isinstance(result, PhotoError) else text_lines(result.values(), name_language=name_language)


def _line(row: dict[str, Any]) -> str:
    """Return a row as JSON in UTF-8, with the bytes of a file name that is not UTF-8 escaped."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
