"""`polycap caption`."""

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from polycap.captioning.options import CaptionerOptions
from polycap.captioning.rows import caption_rows, error_row, text_lines
from polycap.cli.command import with_options
from polycap.cli.options import AsJson, CaptionerArguments
from polycap.cli.output import json_text, name_as_bytes, print_note, print_notes
from polycap.errors import PhotoError, PolycapError
from polycap.language.own import LANGUAGE_VARIABLE, own_language

if TYPE_CHECKING:
    from polycap.captioning.group import CaptionerGroup
    from polycap.captioning.stream import PhotoCaptions
    from polycap.photos.name import PhotoBytes

__all__ = ["caption"]

logger = logging.getLogger(__name__)

STANDARD_INPUT = Path("-")
"""Path that means a photo on standard input; a file of this name needs its whole path."""


@dataclass(frozen=True, kw_only=True)
class CaptionArguments(CaptionerArguments):
    """Arguments of `polycap caption`."""

    photos: Annotated[list[str], typer.Argument(help="Photos, folders of photos, or - for standard input.")]
    language: Annotated[
        str | None,
        typer.Option(
            help='Languages: codes with commas between, or "all" trained languages.',
            show_default="POLYCAP_LANGUAGE, else the language of --pack, else the locale's if it is trained, else en",
        ),
    ] = None
    n_best: Annotated[int, typer.Option(min=1, max=64, help="Captions per photo and language; at most --beam.")] = 1
    as_json: AsJson = False
    html: Annotated[Path | None, typer.Option(help="Also write an HTML page with the photos.", show_default="none")] = (
        None
    )
    via: Annotated[
        str | None,
        typer.Option(
            help="Language to caption in and to translate from, for languages without a decoder.", show_default="none"
        ),
    ] = None


@with_options
def caption(options: CaptionArguments) -> None:
    """Caption photos. Photos that can't be read are listed at the end, and the exit status is then 1."""
    if "" in options.photos:  # Path("") is the current folder
        raise PolycapError('"": names no photo; is a variable empty? This folder is "."')
    if urls := [name for name in options.photos if name.lower().startswith(("http://", "https://"))]:
        raise PolycapError(
            f"{urls[0]}: is an address, and polycap fetches none; `curl -L {urls[0]} | polycap caption -`"
        )
    photos, missing, skipped = _find_all(map(Path, options.photos))
    print_notes(skipped)
    if options.as_json:
        for path, error in missing.items():
            print(_line(error_row(path, error)))
    errors = [*missing.values(), *(_print_captions(photos, options) if photos else ())]
    print_notes(errors)
    raise typer.Exit(1 if errors else 0)


def _find_all(paths: Iterable[Path]) -> "tuple[list[Path | PhotoBytes], dict[Path, str], list[str]]":
    """Return the photos of all paths, errors by path, and a line for each folder in which something was skipped."""
    from polycap.photos.find import find_photos

    photos: list[Path | PhotoBytes] = []
    errors: dict[Path, str] = {}
    skipped: list[str] = []
    for path in paths:
        try:
            if streamed := _streamed(path):
                photos.append(streamed)
                continue
        except PhotoError as error:
            errors[path] = str(error)
            continue
        found = find_photos(path)
        photos += found.photos
        errors |= found.faults
        skipped += filter(None, [found.skipped_line()])
    return photos, errors, skipped


def _streamed(path: Path) -> "PhotoBytes | None":
    """Return the photo of standard input, or of a pipe such as /dev/stdin and that of `<(…)`; None for another path.

    Raises:
        PhotoError: it can't be read.
    """
    if path == STANDARD_INPUT:
        return _standard_input()
    return _piped(path) if _is_pipe(path) else None


def _is_pipe(path: Path) -> bool:
    try:
        return path.is_fifo()
    except OSError:  # a name that is too long, for example, which the search tells
        return False


def _piped(path: Path) -> "PhotoBytes":
    from polycap.photos.name import PhotoBytes

    try:
        return PhotoBytes(str(path), path.read_bytes())
    except OSError as error:
        raise PhotoError(f"{path}: can't be read ({error.strerror})") from error


def _standard_input() -> "PhotoBytes":
    from polycap.photos.name import PhotoBytes

    if sys.stdin is None:  # some service managers start processes without it
        raise PhotoError("-: standard input is closed; give a file, or a pipe")
    return PhotoBytes("-", sys.stdin.buffer.read())


def _print_captions(photos: "Sequence[Path | PhotoBytes]", options: CaptionArguments) -> list[str]:
    """Print the captions of each photo when they are ready, write the page, and return the errors of photos."""
    from polycap.captioning.page import prepare_page, write_page

    if options.html is not None:
        prepare_page(options.html)
    languages, reason = _languages(options)
    group = _load(languages, options.captioner(n_best=options.n_best, via=options.via))
    if reason:
        print_note(f"captions in {', '.join(group.captioners)} ({reason})")
    results = group.pipe(photos, n_best=options.n_best, errors="return")
    is_shown = len(photos) >= 8 and sys.stderr.isatty()
    kept: list[PhotoCaptions] = []
    errors: list[str] = []
    for result in tqdm(results, total=len(photos), unit="photo", disable=not is_shown):
        for line in _lines(result, as_json=options.as_json, name_language=len(group.captioners) > 1):
            tqdm.write(line, file=sys.stdout)
        if isinstance(result, PhotoError):
            errors.append(str(result))
        if options.html is not None:
            kept.append(result)
    if options.html is not None:
        write_page(options.html, "Captions by polycap", kept, own_language()[0])
    return errors


def _languages(options: CaptionArguments) -> tuple[str | None, str]:
    """Return the languages that are named, or else the reader's own and why it is that."""
    if options.language is not None or (options.pack is not None and not os.environ.get(LANGUAGE_VARIABLE)):
        return options.language, ""
    return own_language()


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
    if isinstance(result, PhotoError):
        return []
    lines = (line.partition("\t") for line in text_lines(result.values(), name_language=name_language))
    return ["".join([name_as_bytes(name), *rest]) for name, *rest in lines]


def _line(row: dict[str, Any]) -> str:
    return json_text(row)
