"""Photos beside their captions, as one HTML file that needs nothing else: no network, no other file."""

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, UnidentifiedImageError

from polycap.errors import PhotoError
from polycap.files import write_text
from polycap.photo_limits import PhotoLimits
from polycap.photos import open_photo, pixels_of, upright_size

__all__ = ["PageCaption", "PageRow", "Thumbnail", "fill_template", "thumbnail", "write_page", "write_template"]

MAX_SIDE = 640
"""The longer side of an embedded photo, in pixels, at most."""


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


@dataclass(frozen=True)
class Thumbnail:
    """A photo made small: a data URI, and its size in pixels."""

    source: str
    width: int
    height: int


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


def fill_template(template: str, **values: object) -> str:
    """One of polycap's HTML templates with these values, escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("polycap"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values) + "\n"


def write_template(path: Path, template: str, **values: object) -> None:
    """Fill one of polycap's HTML templates, and write it to `path`, atomically.

    Raises:
        PolycapError: `path` can't be written.
    """
    write_text(path, fill_template(template, **values))


def write_page(path: Path, title: str, rows: Sequence[PageRow]) -> None:
    """Write the page to `path`, atomically. A photo that can't be read shows its error and stops nothing.

    Raises:
        PolycapError: `path` can't be written.
    """
    cards = [_card(row) for row in rows]
    languages = {caption.language_code: caption for row in rows for caption in row.captions}
    write_template(path, "demo.html", title=title, cards=cards, languages=languages.values())


def _card(row: PageRow) -> _Card:
    try:
        small = thumbnail(row.name, row.photo)
    except PhotoError as error:
        return _Card(row.name, "", 0, 0, row.captions, row.error or str(error), row.credit)
    return _Card(row.name, small.source, small.width, small.height, row.captions, row.error, row.credit)


def thumbnail(name: str, photo: Path | bytes) -> Thumbnail:
    """The photo as a small upright JPEG without metadata (which may hold a place).

    Raises:
        PhotoError: it can't be read, or is above the limits of `POLYCAP_MAX_MEGAPIXELS`.
    """
    limits = PhotoLimits.of_environment()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata; what can't be decoded raises
    try:
        with open_photo(photo, MAX_SIDE, limits) as image:
            image.load()
            width, height = upright_size(image)
            scale = min(1.0, MAX_SIDE / max(width, height))
            small = pixels_of(image, (max(1, round(width * scale)), max(1, round(height * scale))))
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        raise PhotoError(f"{name}: is not an image") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name}: {limits.too_large()}") from error
    except Exception as error:  # Pillow raises anything on a broken file
        raise PhotoError(f"{name}: can't be shown ({error})") from error
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82, optimize=True)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Thumbnail(f"data:image/jpeg;base64,{encoded}", small.width, small.height)
