"""The page stands alone, escapes what it is given, and shows photos upright and small."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from html_elements import Elements
from polycap.captioning.page import PageCaption, PageRow, write_page
from polycap.errors import PolycapError

CAPTIONS = (
    PageCaption("en", "English", "ltr", "a dog & a <b>cat</b>", -0.423),
    PageCaption("ar", "العربية", "rtl", "كلب يركض على العشب"),
)


def image_bytes(mode: str = "RGB", size: tuple[int, int] = (1200, 800), kind: str = "JPEG", exif: int = 0) -> bytes:
    image = Image.new(mode, size)
    buffer = io.BytesIO()
    if exif:
        tags = Image.Exif()
        tags[0x0112] = exif  # orientation
        image.save(buffer, kind, exif=tags)
    else:
        image.save(buffer, kind)
    return buffer.getvalue()


def page_of(folder: Path, *rows: PageRow) -> tuple[str, Elements]:
    path = folder / "page.html"
    write_page(path, 'Photos & "captions"', rows)
    text = path.read_text(encoding="utf-8")
    elements = Elements()
    elements.feed(text)
    return text, elements


def embedded(attributes: dict[str, str | None]) -> Image.Image:
    source = attributes["src"] or ""
    assert source.startswith("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def test_captions_carry_language_direction_and_escaped_text(tmp_path: Path) -> None:
    text, elements = page_of(tmp_path, PageRow("dog.jpg", image_bytes(), CAPTIONS, credit="me & you, CC0"))

    assert [(c["lang"], c["dir"]) for c in elements.of("dd")] == [("en", "ltr"), ("ar", "rtl")]
    assert elements.of("img")[0]["alt"] == "a dog & a <b>cat</b>"
    assert elements.of("img")[0]["lang"] == "en"
    assert not elements.of("b")
    assert "a dog &amp; a &lt;b&gt;cat&lt;/b&gt;</dd>" in text
    assert "me &amp; you, CC0" in text
    assert text.count("−0.42") == 1
    assert elements.of("html")[0]["lang"] == "en"


def test_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    text, elements = page_of(tmp_path, PageRow("dog.jpg", image_bytes(), CAPTIONS))
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"base64,[^\"]*", "", text))
    assert not [tag for tag, _ in elements.found if tag in {"script", "link", "iframe"}]


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "I;16", "1"])
def test_every_kind_of_image_is_embedded_small(tmp_path: Path, mode: str) -> None:
    row = PageRow("photo.png", image_bytes(mode, kind="PNG"), CAPTIONS)
    image = embedded(page_of(tmp_path, row)[1].of("img")[0])
    assert (image.mode, image.size) == ("RGB", (640, 427))


def test_a_photo_is_turned_upright_and_loses_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(image_bytes(exif=6))
    attributes = page_of(tmp_path, PageRow("turned.jpg", path, CAPTIONS))[1].of("img")[0]
    image = embedded(attributes)
    assert image.size == (427, 640)
    assert (attributes["width"], attributes["height"]) == ("427", "640")
    assert not image.getexif()


def test_a_photo_whose_metadata_is_broken_is_shown(tmp_path: Path) -> None:
    """Captions don't need it: nor does the page."""
    whole = image_bytes(exif=6)
    start = whole.index(b"Exif")
    for place in range(start, start + 32):
        path = tmp_path / "odd.jpg"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert page_of(tmp_path, PageRow("odd.jpg", path, CAPTIONS))[1].of("img")


def test_small_photos_are_not_enlarged(tmp_path: Path) -> None:
    row = PageRow("small.jpg", image_bytes(size=(40, 30)), CAPTIONS)
    assert embedded(page_of(tmp_path, row)[1].of("img")[0]).size == (40, 30)


def test_sixteen_bit_greys_keep_their_brightness(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (8, 8), 0x8000).save(buffer, "PNG")
    image = embedded(page_of(tmp_path, PageRow("grey.png", buffer.getvalue(), CAPTIONS))[1].of("img")[0])
    red = image.getpixel((4, 4))
    assert isinstance(red, tuple)
    assert red[0] == pytest.approx(128, abs=2)


def test_a_bad_photo_shows_its_error_and_stops_nothing(tmp_path: Path) -> None:
    text, elements = page_of(
        tmp_path,
        PageRow("notes.txt", b"not an image"),
        PageRow("missing.jpg", tmp_path / "missing.jpg"),
        PageRow("cut.jpg", image_bytes()[:300], error="can't be decoded"),
        PageRow("good.jpg", image_bytes(), CAPTIONS),
    )
    assert "notes.txt: is not an image" in text
    assert "missing.jpg: can&#39;t be shown" in text
    assert text.count("can&#39;t be decoded") == 1
    assert len(elements.of("img")) == 1


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PolycapError, match="file"):
        write_page(tmp_path / "file" / "page.html", "title", [])
