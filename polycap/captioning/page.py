"""Photos beside their captions, as one HTML file that needs nothing else: no network, no other file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from polycap.captioning.rows import translated_by
from polycap.errors import PhotoError
from polycap.pages.template import write_template
from polycap.photos.load import PhotoBytes
from polycap.photos.samples import credit_of
from polycap.photos.thumbnail import thumbnail

if TYPE_CHECKING:
    from polycap.captioning.captioner import Captioner, Result

__all__ = ["PageCaption", "PageRow", "page_row", "write_page"]


@dataclass(frozen=True)
class PageCaption:
    """One caption in one language.

    Attributes:
        language_code: BCP 47, for the `lang` attribute: it decides the font and a screen reader's voice.
        native_name: the language's own name for itself.
        direction: "ltr" or "rtl".
        text: the caption.
        score: the caption's log-probability, by its length, if known.
        via: what it is translated by, if it is.
    """

    language_code: str
    native_name: str
    direction: Literal["ltr", "rtl"]
    text: str
    score: float | None = None
    via: str = ""


@dataclass(frozen=True)
class PageRow:
    """One photo with its captions, or with what went wrong.

    Attributes:
        name: the photo's name, as shown.
        photo: a path, or the bytes of an image file.
        captions: in the order in which they are shown; the first is the photo's alternative text.
        error: why there are no captions; shown in their place.
        credit: who made the photo, and under which licence.
    """

    name: str
    photo: Path | bytes
    captions: Sequence[PageCaption] = ()
    error: str = ""
    credit: str = ""


def page_row(result: "Result", captioners: "Sequence[Captioner]") -> PageRow:
    path = Path(str(result.photo))
    photo = result.photo.data if isinstance(result.photo, PhotoBytes) else path
    if result.error is not None:
        return PageRow(path.name, photo, error=str(result.error), credit=credit_of(path))
    captions = [
        PageCaption(
            c.language.code,
            c.language.native_name,
            c.language.direction,
            candidate.caption,
            candidate.score,
            translated_by(c),
        )
        for c in captioners
        for candidate in result.candidates[c.language.code]
    ]
    return PageRow(path.name, photo, captions, credit=credit_of(path))


@dataclass(frozen=True)
class _Card:
    """A row as the template takes it; `source` is a data URI, empty if the photo can't be shown."""

    name: str
    source: str
    width: int
    height: int
    captions: Sequence[PageCaption]
    error: str
    credit: str


def write_page(path: Path, title: str, rows: Sequence[PageRow]) -> None:
    """Write the page to `path`, atomically. A photo that can't be read shows its error and stops nothing.

    Raises:
        PolycapError: `path` can't be written.
    """
    cards = [_card(row) for row in rows]
    languages = {caption.language_code: caption for row in rows for caption in row.captions}
    write_template(path, "captions.html", title=title, cards=cards, languages=languages.values())


def _card(row: PageRow) -> _Card:
    try:
        small = thumbnail(row.name, row.photo)
    except PhotoError as error:
        return _Card(row.name, "", 0, 0, row.captions, row.error or str(error), row.credit)
    return _Card(row.name, small.source, small.width, small.height, row.captions, row.error, row.credit)
