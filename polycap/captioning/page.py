"""HTML page of photos and captions, in one file without links to others."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from polycap.captioning.caption import Caption
from polycap.captioning.stream import PhotoCaptions
from polycap.errors import PhotoError, PolycapError
from polycap.language import Language
from polycap.pages.template import make_page_folder, write_template
from polycap.photos.name import PhotoBytes, photo_name
from polycap.photos.samples import credit_of
from polycap.photos.thumbnail import Thumbnail, thumbnail

__all__ = ["SHOWN", "caption_html", "own_first", "prepare_page", "write_page"]

SHOWN = 7
"""Languages that a page shows without folding any."""


@dataclass(frozen=True)
class _ShownCaption:
    """Candidate, for the template."""

    language: Language
    text: str
    score: float
    via: str


@dataclass(frozen=True)
class _Card:
    """Photo, for the template; `source` is a data URI, empty if the photo can't be shown; `others` are folded."""

    name: str
    source: str
    width: int
    height: int
    captions: Sequence[_ShownCaption]
    others: Sequence[_ShownCaption]
    error: str
    credit: str


def prepare_page(path: Path) -> None:
    """Make the folder of a page.

    Raises:
        PolycapError: it can't be made, or `path` is a folder itself.
    """
    make_page_folder(path)
    if path.is_dir():
        raise PolycapError(f"{path}: is a folder; name a file for the page")


def write_page(path: Path, title: str, results: Iterable[PhotoCaptions], own: str | None = None) -> None:
    """Write the page, atomically. A photo that can't be read is shown as its error.

    Args:
        path: file of the page.
        title: title of the page.
        results: captions or error of each photo, in order.
        own: code of the reader's own language: its caption is the photo's alternative text, and stands first; if there
            are more than `SHOWN` languages, the others are folded. (default: the first language)

    Raises:
        PolycapError: `path` can't be written.
    """
    found = list(results)
    languages = {caption.language.code: caption.language for result in found for caption in _captions_of(result)}
    listed = own_first(languages.values(), own if own in languages else next(iter(languages), ""))
    shown = 1 if len(listed) > SHOWN else SHOWN
    cards = [_card(result, listed, shown) for result in found]
    write_template(
        path, "captions.html", title=title, cards=cards, languages=listed, folded=max(0, len(listed) - shown)
    )


def own_first(languages: Iterable[Language], own: str) -> list[Language]:
    """Return languages by their own names, the reader's own first."""
    return sorted(languages, key=lambda language: (language.code != own, language.native_name.casefold()))


def caption_html(caption: Caption) -> str:
    """Return an HTML figure for a notebook: a thumbnail of the photo, and the caption with language and direction."""
    language, text = caption.language, escape(caption.text)
    style = "" if language.writing_mode == "horizontal-tb" else f' style="writing-mode: {language.writing_mode}"'
    try:
        small = _thumbnail(caption.photo)
    except PhotoError as error:
        picture = f"<p>{escape(str(error))}</p>"
    else:
        size = f'width="{small.width}" height="{small.height}"'
        picture = f'<img src="{small.source}" {size} alt="{text}" lang="{language.code}">'
    attributes = f'lang="{language.code}" dir="{language.html_direction}"{style}'
    return f"<figure>{picture}<figcaption {attributes}>{text}</figcaption></figure>"


def _captions_of(result: PhotoCaptions) -> list[Caption]:
    return [] if isinstance(result, PhotoError) else list(result.values())


def _card(result: PhotoCaptions, languages: Sequence[Language], shown: int) -> _Card:
    """Return a photo's card; the captions of the first `shown` languages are not folded."""
    error = str(result) if isinstance(result, PhotoError) else ""
    captions = {caption.language.code: caption for caption in _captions_of(result)}
    photo = result.photo if isinstance(result, PhotoError) else next(iter(captions.values())).photo
    path = Path(photo_name(photo))
    rows = [
        [
            _ShownCaption(language, candidate.text, candidate.score, captions[language.code].via)
            for candidate in captions[language.code].candidates
        ]
        for language in languages
        if language.code in captions
    ]
    first, others = ([caption for row in some for caption in row] for some in (rows[:shown], rows[shown:]))
    try:
        small = _thumbnail(photo)
    except PhotoError as unreadable:
        return _Card(path.name, "", 0, 0, first, others, error or str(unreadable), credit_of(path))
    return _Card(path.name, small.source, small.width, small.height, first, others, error, credit_of(path))


def _thumbnail(photo: object) -> Thumbnail:
    """Return the thumbnail of a photo in any form that a captioner accepts."""
    name = Path(photo_name(photo)).name
    if isinstance(photo, PhotoBytes):
        return thumbnail(name, photo.data)
    if isinstance(photo, bytes):
        return thumbnail(name, photo)
    if not isinstance(photo, str | PathLike):
        buffer = io.BytesIO()
        try:
            image = photo if isinstance(photo, Image.Image) else Image.fromarray(np.asarray(photo))
            image.save(buffer, "PNG")
        except Exception as error:  # Pillow raises errors of many types
            raise PhotoError(f"{name}: can't be shown ({error})") from error
        return thumbnail(name, buffer.getvalue())
    return thumbnail(name, Path(photo))
