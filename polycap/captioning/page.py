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

__all__ = ["caption_html", "prepare_page", "write_page"]


@dataclass(frozen=True)
class _ShownCaption:
    """Candidate, for the template."""

    language: Language
    text: str
    score: float
    via: str


@dataclass(frozen=True)
class _Card:
    """Photo, for the template; `source` is a data URI, empty if the photo can't be shown."""

    name: str
    source: str
    width: int
    height: int
    captions: Sequence[_ShownCaption]
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


def write_page(path: Path, title: str, results: Iterable[PhotoCaptions]) -> None:
    """Write the page, atomically. A photo that can't be read is shown as its error.

    Args:
        path: file of the page.
        title: title of the page.
        results: captions or error of each photo, in order; the first caption is the photo's alternative text.

    Raises:
        PolycapError: `path` can't be written.
    """
    cards = [_card(result) for result in results]
    languages = {caption.language.code: caption.language for card in cards for caption in card.captions}
    write_template(path, "captions.html", title=title, cards=cards, languages=languages.values())


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


def _card(result: PhotoCaptions) -> _Card:
    error = str(result) if isinstance(result, PhotoError) else ""
    captions = [] if isinstance(result, PhotoError) else list(result.values())
    photo = result.photo if isinstance(result, PhotoError) else captions[0].photo
    path = Path(photo_name(photo))
    shown = [
        _ShownCaption(caption.language, candidate.text, candidate.score, caption.via)
        for caption in captions
        for candidate in caption.candidates
    ]
    try:
        small = _thumbnail(photo)
    except PhotoError as unreadable:
        return _Card(path.name, "", 0, 0, shown, error or str(unreadable), credit_of(path))
    return _Card(path.name, small.source, small.width, small.height, shown, error, credit_of(path))


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
