"""Contact sheets: photos with numbered captions, as HTML, and as pictures by a browser, which can draw all scripts."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image, ImageChops

from looked_at_captions import Shown
from polycap.errors import PolycapError
from polycap.files import make_folder, write_text
from polycap.language import get_language
from polycap.photos.thumbnail import thumbnail

__all__ = ["write_sheets"]

WIDTH, HEIGHT_PER_PHOTO = 1400, 1000
"""Pixels of the browser's window; a sheet is cut below its last photo."""

SECONDS = 60
"""Seconds until a browser is given up."""


def write_sheets(
    folder: Path, shown: Sequence[Shown], photos: Mapping[str, Path], *, per_sheet: int, browser: str | None
) -> list[Path]:
    """Write sheet-01.html, sheet-01.png …, and captions.txt with the same numbers and captions; return the sheets.

    Args:
        folder: folder to write to.
        shown: captions, those of a photo beside each other.
        photos: paths of the photos, by name.
        per_sheet: photos per sheet.
        browser: command of Chromium; None for pages without pictures.

    Raises:
        PolycapError: the browser can't be run, or writes no picture; or the folder can't be written.
    """
    make_folder(folder)
    lines = [f"{caption.number}\t{caption.photo}\t{caption.language}\t{caption.text}\n" for caption in shown]
    write_text(folder / "captions.txt", "".join(lines))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("looked_at.html")
    blocks = [_block(name, list(captions), photos[name]) for name, captions in groupby(shown, lambda one: one.photo)]
    sheets: list[Path] = []
    for number in range(0, len(blocks), per_sheet):
        page = folder / f"sheet-{len(sheets) + 1:02}.html"
        write_text(page, template.render(photos=blocks[number : number + per_sheet]))
        sheets.append(_picture(page, browser, per_sheet) if browser else page)
    return sheets


def _block(name: str, captions: Sequence[Shown], path: Path) -> dict[str, Any]:
    """Return a photo and its captions as the template takes them."""
    rows = [
        {"number": caption.number, "language": caption.language, "text": caption.text}
        | {"direction": language.html_direction, "writing_mode": language.writing_mode}
        for caption, language in ((each, get_language(each.language)) for each in captions)
    ]
    return {"name": name, "source": thumbnail(name, path).source, "captions": rows}


def _picture(page: Path, browser: str, photos: int) -> Path:
    """Write a page as a PNG, cut below its last photo, and return its path."""
    program = shutil.which(browser)
    if program is None:
        raise PolycapError(f"`browser` {browser}: there is no such program; install Chromium, or name it")
    picture = page.with_suffix(".png")
    picture.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT_PER_PHOTO * photos}"]
        command += [f"--screenshot={picture.resolve()}", page.resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if not picture.is_file():
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise PolycapError(f"{picture}: {browser} wrote no picture ({last:.200})")
    with Image.open(picture) as image:
        colours = image.convert("RGB")
    box = ImageChops.difference(colours, Image.new("RGB", colours.size, "white")).getbbox()
    colours.crop((0, 0, colours.width, min(colours.height, (box[3] if box else 0) + 12))).save(picture, optimize=True)
    return picture
