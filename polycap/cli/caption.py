"""`polycap caption`."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from polycap.cli.options import AsJson, MaxMegapixels, PackFolder, PrecisionName, RuntimeName, Weights, limit_photos
from polycap.cli.output import print_notes
from polycap.errors import PhotoError, PolycapError

if TYPE_CHECKING:
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
    errors = caption_command(
        [Path(photo) for photo in photos],
        language,
        beam=beam,
        n_best=n_best,
        as_json=as_json,
        html=html,
        pack=pack,
        weights=encoder_weights,
        via=via,
        runtime=runtime,
        precision=precision,
    )
    print_notes(errors)
    raise typer.Exit(1 if errors else 0)


def caption_command(
    paths: Sequence[Path],
    languages: str | None,
    *,
    beam: int | None,
    n_best: int,
    as_json: bool,
    html: Path | None,
    pack: Path | None,
    weights: Path | None,
    via: str | None = None,
    runtime: str | None = None,
    precision: str | None = None,
) -> list[str]:
    """Print captions as they are ready; returns what went wrong, a line each."""
    from polycap.captioning.load import load_captioners
    from polycap.captioning.page import PageRow, page_row, write_page
    from polycap.captioning.rows import error_row, result_rows, text_lines, translated_by
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
    from polycap.captioning.captioner import caption_photos
    from polycap.runtime.choose import open_runtime

    opened = open_runtime(runtime, precision=precision)
    captioners = load_captioners(
        languages, beam=beam, n_best=n_best, pack=pack, weights=weights, via=via, runtime=opened
    )

    for captioner in captioners:
        if origin := translated_by(captioner):
            logger.info("%s: captions are translated, by %s", captioner.language.code, origin)

    rows: list[PageRow] = []
    results = caption_photos(photos, captioners, n_best=n_best)
    for result in tqdm(results, total=len(photos), unit="photo", disable=len(photos) < 8 or not sys.stderr.isatty()):
        if result.error is not None:
            errors.append(str(result.error))
        lines = map(_line, result_rows(result, captioners)) if as_json else text_lines(result, len(captioners) > 1)
        for line in lines:
            tqdm.write(line, file=sys.stdout)
        if html is not None:
            rows.append(page_row(result, captioners))
    if html is not None:
        write_page(html, "Captions by polycap", rows)
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
