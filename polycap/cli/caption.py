"""`polycap caption`."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from polycap.captioning.options import CaptionerOptions
from polycap.cli.options import AsJson, MaxMegapixels, PackFolder, PrecisionName, RuntimeName, Weights, limit_photos
from polycap.cli.output import print_notes
from polycap.errors import PhotoError, PolycapError

if TYPE_CHECKING:
    from polycap.captioning.stream import PhotoCaptions
    from polycap.photos.load import PhotoBytes

__all__ = ["caption", "caption_command"]

logger = logging.getLogger(__name__)

STANDARD_INPUT = Path("-")
"""Where another program hands a photo on; a file of this name needs its whole path."""


def caption(
    photos: Annotated[list[str], typer.Argument(help="Photos, folders of photos, or - for standard input.")],
    language: Annotated[
        str | None,
        typer.Option(
            envvar="POLYCAP_LANGUAGE",
            help='Codes with commas between, or "all" that are trained; by default the captions\' own language.',
        ),
    ] = None,
    beam: Annotated[int | None, typer.Option(min=1, max=64, help="Beam width; 1 is greedy.")] = None,
    n_best: Annotated[int, typer.Option(min=1, max=64, help="Captions per photo and language; at most --beam.")] = 1,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Also write a page with the photos.")] = None,
    pack: PackFolder = None,
    via: Annotated[
        str | None, typer.Option(help="Caption in this language, and translate, for lack of a decoder.")
    ] = None,
    encoder_weights: Weights = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    max_megapixels: MaxMegapixels = None,
) -> None:
    """Caption photos. One that can't be read stops nothing; it is listed at the end, and the status is 1."""
    limit_photos(max_megapixels)
    if "" in photos:  # which would be this folder
        raise PolycapError('"": names no photo; is a variable empty? This folder is "."')
    options = CaptionerOptions(beam, n_best, pack, encoder_weights, via, runtime=runtime, precision=precision)
    errors = caption_command([Path(photo) for photo in photos], language, options, as_json=as_json, html=html)
    print_notes(errors)
    raise typer.Exit(1 if errors else 0)


def caption_command(
    paths: Sequence[Path],
    languages: str | None,
    options: CaptionerOptions,
    *,
    as_json: bool,
    html: Path | None,
) -> list[str]:
    """Print captions as they are ready; returns what went wrong, a line each."""
    from polycap.captioning.load import check_left_out, load_captioners
    from polycap.captioning.rows import caption_rows, error_row, text_lines
    from polycap.files import make_folder

    photos, missing = _find_all(paths)
    errors = list(missing.values())
    if as_json:
        for path, error in missing.items():
            print(_line(error_row(path, error)))
    if not photos:
        return errors
    if html is not None:  # before the work: what can't be written should not be found out after it
        make_folder(html.parent)
        if html.is_dir():
            raise PolycapError(f"{html}: is a folder; name a file for the page")
    captioners, left_out = load_captioners(languages, options)
    check_left_out(languages, left_out)
    for captioner in captioners:
        if captioner.translated_by:
            logger.info("%s: captions are translated, by %s", captioner.language.code, captioner.translated_by)
    from polycap.captioning.group import CaptionerGroup
    from polycap.captioning.page import write_page

    kept: list[PhotoCaptions] = []
    results = CaptionerGroup(captioners).pipe(photos, n_best=options.n_best, errors="return")
    for result in tqdm(results, total=len(photos), unit="photo", disable=len(photos) < 8 or not sys.stderr.isatty()):
        if isinstance(result, PhotoError):
            errors.append(str(result))
        if as_json:
            lines = [_line(row) for row in caption_rows(result)]
        else:
            captions = () if isinstance(result, PhotoError) else result.values()
            lines = text_lines(captions, name_language=len(captioners) > 1)
        for line in lines:
            tqdm.write(line, file=sys.stdout)
        if html is not None:
            kept.append(result)
    if html is not None:
        write_page(html, "Captions by polycap", kept)
    return errors


def _find_all(paths: Sequence[Path]) -> "tuple[list[Path | PhotoBytes], dict[Path, str]]":
    """The photos of all paths, and what is wrong with the paths that have none."""
    from polycap.photos.find import find_photos
    from polycap.photos.load import PhotoBytes

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

    if sys.stdin is None:  # as a service may be started
        raise PhotoError("-: standard input is closed; give a file, or a pipe")
    return PhotoBytes("-", sys.stdin.buffer.read())


def _line(row: dict[str, Any]) -> str:
    """JSON in UTF-8, but for a file's name that is none: Python escapes its bytes as JSON does."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
