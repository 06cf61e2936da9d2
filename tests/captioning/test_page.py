"""Tests of polycap/captioning/page.py."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from html_elements import Elements
from polycap.captioning.caption import Candidate, Caption
from polycap.captioning.page import caption_html, write_page
from polycap.captioning.rows import caption_row, text_lines
from polycap.captioning.stream import PhotoCaptions
from polycap.errors import PhotoError, PolycapError
from polycap.language import Registry
from polycap.photos.load import PhotoBytes
from polycap.photos.samples import sample_photos

LANGUAGES = {language.code: language for language in Registry.discover().languages}
TEXTS = {"en": ("a dog & a <b>cat</b>", -0.423), "ar": ("كلب يركض على العشب", -1.5)}


def captions_of(photo: Any) -> dict[str, Caption]:
    return {
        code: Caption(photo, LANGUAGES[code], (Candidate(text, score, score),)) for code, (text, score) in TEXTS.items()
    }


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


def fault(photo: Any, message: str) -> PhotoError:
    error = PhotoError(message)
    error.photo = photo
    return error


def page_of(folder: Path, *rows: PhotoCaptions) -> tuple[str, Elements]:
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
    text, elements = page_of(tmp_path, captions_of(PhotoBytes("dog.jpg", image_bytes())))

    assert [(c["lang"], c["dir"]) for c in elements.of("dd")] == [("en", "ltr"), ("ar", "rtl")]
    assert elements.of("img")[0]["alt"] == "a dog & a <b>cat</b>"
    assert elements.of("img")[0]["lang"] == "en"
    assert not elements.of("b")
    assert "a dog &amp; a &lt;b&gt;cat&lt;/b&gt;</dd>" in text
    assert text.count("−0.42") == 1
    assert elements.of("html")[0]["lang"] == "en"


def test_a_language_in_columns(tmp_path: Path) -> None:
    caption = Caption(
        PhotoBytes("dog.jpg", image_bytes()), LANGUAGES["mn-Mong"], (Candidate("ᠬᠠᠷ\u180eᠠ ᠨᠣᠬᠠᠢ", -1.0, -1.0),)
    )
    [shown] = page_of(tmp_path, {"mn-Mong": caption})[1].of("dd")
    assert shown == {"lang": "mn-Mong", "dir": "ltr", "style": "writing-mode: vertical-lr"}
    assert '<figcaption lang="mn-Mong" dir="ltr" style="writing-mode: vertical-lr">ᠬ' in caption_html(caption)
    row = caption_row(caption)
    assert (row["language"], row["writing_mode"], row["caption"]) == ("mn-Mong", "vertical-lr", "ᠬᠠᠷ\u180eᠠ ᠨᠣᠬᠠᠢ")
    assert text_lines([caption], name_language=False) == ["dog.jpg\tᠬᠠᠷ\u180eᠠ ᠨᠣᠬᠠᠢ"]


def test_page_has_no_links(tmp_path: Path) -> None:
    text, elements = page_of(tmp_path, captions_of(PhotoBytes("dog.jpg", image_bytes())))
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"base64,[^\"]*", "", text))
    assert not [tag for tag, _ in elements.found if tag in {"script", "link", "iframe"}]


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "I;16", "1"])
def test_every_kind_of_image_is_embedded_small(tmp_path: Path, mode: str) -> None:
    row = captions_of(PhotoBytes("photo.png", image_bytes(mode, kind="PNG")))
    image = embedded(page_of(tmp_path, row)[1].of("img")[0])
    assert (image.mode, image.size) == ("RGB", (640, 427))


def test_a_photo_is_turned_upright_and_loses_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(image_bytes(exif=6))
    attributes = page_of(tmp_path, captions_of(path))[1].of("img")[0]
    image = embedded(attributes)
    assert image.size == (427, 640)
    assert (attributes["width"], attributes["height"]) == ("427", "640")
    assert not image.getexif()


def test_a_photo_whose_metadata_is_broken_is_shown(tmp_path: Path) -> None:
    """Neither captions nor the page need metadata."""
    whole = image_bytes(exif=6)
    start = whole.index(b"Exif")
    for place in range(start, start + 32):
        path = tmp_path / "odd.jpg"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert page_of(tmp_path, captions_of(path))[1].of("img")


def test_small_photos_are_not_enlarged(tmp_path: Path) -> None:
    row = captions_of(PhotoBytes("small.jpg", image_bytes(size=(40, 30))))
    assert embedded(page_of(tmp_path, row)[1].of("img")[0]).size == (40, 30)


def test_sixteen_bit_greys_keep_their_brightness(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (8, 8), 0x8000).save(buffer, "PNG")
    image = embedded(page_of(tmp_path, captions_of(PhotoBytes("grey.png", buffer.getvalue())))[1].of("img")[0])
    red = image.getpixel((4, 4))
    assert isinstance(red, tuple)
    assert red[0] == pytest.approx(128, abs=2)


def test_a_bad_photo_is_shown_as_its_error(tmp_path: Path) -> None:
    text, elements = page_of(
        tmp_path,
        captions_of(PhotoBytes("notes.txt", b"not an image")),
        captions_of(tmp_path / "missing.jpg"),
        fault(PhotoBytes("cut.jpg", image_bytes()[:300]), "can't be decoded"),
        captions_of(PhotoBytes("good.jpg", image_bytes())),
    )
    assert "notes.txt: is not an image" in text
    assert "missing.jpg: can&#39;t be shown" in text
    assert text.count("can&#39;t be decoded") == 1
    assert len(elements.of("img")) == 1


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PolycapError, match="file"):
        write_page(tmp_path / "file" / "page.html", "title", [])


def test_a_sample_photo_has_its_credit(tmp_path: Path) -> None:
    assert "rendered for polycap" in page_of(tmp_path, captions_of(sample_photos()[0].path))[0]


@pytest.mark.parametrize("kind", ["path", "bytes", "image", "array"])
def test_a_notebook_shows_the_photo_and_the_caption(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.jpg").write_bytes(image_bytes())
    image = Image.new("RGB", (60, 40))
    photo = {"path": tmp_path / "a.jpg", "bytes": image_bytes(), "image": image, "array": np.asarray(image)}[kind]
    elements = Elements()
    elements.feed(captions_of(photo)["ar"]._repr_html_())
    assert embedded(elements.of("img")[0]).mode == "RGB"
    assert elements.of("figcaption")[0] == {"lang": "ar", "dir": "rtl"}
    assert "a dog &amp; a &lt;b&gt;cat" in caption_html(captions_of(photo)["en"])


def test_a_notebook_shows_the_error_of_a_bad_photo(tmp_path: Path) -> None:
    assert "missing.jpg: can&#x27;t be shown" in captions_of(tmp_path / "missing.jpg")["en"]._repr_html_()


CODES = ("ar", "cs", "de", "en", "fi", "fr", "sv", "zh")


def many(*codes: str) -> dict[str, Caption]:
    photo = PhotoBytes("dog.jpg", image_bytes())
    return {code: Caption(photo, LANGUAGES[code], (Candidate(code, -1.0, -1.0),)) for code in codes}


def test_the_readers_own_language_stands_first_and_the_others_are_folded(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_page(path, "title", [many(*CODES), fault("x.jpg", "gone")], "fr")
    text = path.read_text(encoding="utf-8")
    elements = Elements()
    elements.feed(text)
    by_own_name = ["fr", "de", "en", "fi", "sv", "cs", "ar", "zh"]  # Deutsch, English, Suomi, Svenska, Čeština, …
    assert [caption["lang"] for caption in elements.of("dd")] == by_own_name
    assert elements.of("img")[0]["alt"] == "fr"
    assert "<summary>7 more languages</summary>" in text
    assert text.index(">fr</dd>") < text.index("<details>") < text.index(">de</dd>") < text.index("</details>")
    assert "2 photos in 8 languages" in text


@pytest.mark.parametrize("own", [None, "sv"])
def test_few_languages_are_not_folded(tmp_path: Path, own: str | None) -> None:
    """The first is the reader's own; if that is not there, the first of the captions."""
    path = tmp_path / "page.html"
    write_page(path, "title", [many("en", "ar", "cs")], own)
    text = path.read_text(encoding="utf-8")
    elements = Elements()
    elements.feed(text)
    assert [caption["lang"] for caption in elements.of("dd")] == ["en", "cs", "ar"]
    assert not elements.of("details")
