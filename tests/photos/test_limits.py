"""Photos that are too much work are refused before it is done; others take little memory and keep their pixels."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hostile import HOSTILE, jpeg, jpeg2000, png, webp
from polycap.errors import PhotoError, PolycapError
from polycap.photos import formats as photo_files
from polycap.photos import webp as webp_decoder
from polycap.photos.limits import MEGAPIXELS_VARIABLE, PhotoLimits
from polycap.photos.load import PhotoBytes, load_photo
from polycap.photos.thumbnail import thumbnail
from tiny import run_polycap

SIZE = 32


@pytest.mark.parametrize("name", HOSTILE)
def test_what_asks_for_much_is_refused(tmp_path: Path, name: str) -> None:
    data, message = HOSTILE[name]
    (tmp_path / "photo").write_bytes(data)
    for photo, called in ((PhotoBytes("photo", data), "photo"), (tmp_path / "photo", str(tmp_path / "photo"))):
        with pytest.raises(PhotoError) as caught:
            load_photo(photo, 299)
        assert str(caught.value).startswith(f"{called}: ")
        assert message in str(caught.value)
    with pytest.raises(PhotoError, match="photo: "):
        thumbnail("photo", tmp_path / "photo")


ALLOWED = {
    "jpeg.jpg": jpeg(15_900, 15_700),
    "progressive.jpg": jpeg(8000, 7400, 10),
    "transparent.png": png(7000, 7100, 7100),
    "transparent.webp": webp(7050),
}
SCRIPT = """
import sys
from pathlib import Path
from polycap.errors import PhotoError
from polycap.photos.load import load_photo
from polycap.server.decoding_child import _limit_memory, _warm_up
_warm_up(299)
_limit_memory(int(sys.argv[1]))
for path in sorted(Path().iterdir()):
    try:
        print(path.name, load_photo(path, 299).mean())
    except PhotoError as error:
        print(error)
"""


def in_little_memory(folder: Path, megabytes: int) -> dict[str, str]:
    """Output for each file of a folder, by a process that may take so much memory beyond its start."""
    command = [sys.executable, "-c", SCRIPT, str(megabytes)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=True)
    return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process' memory by what it holds")
def test_memory(tmp_path: Path) -> None:
    for name, (data, _) in HOSTILE.items():
        (tmp_path / name.replace(" ", "-")).write_bytes(data)
    said = in_little_memory(tmp_path, 100)
    assert len(said) == len(HOSTILE)
    assert not [line for line in said.values() if "memory" in line or (line[0].isdecimal() and "pixels" not in line)]
    for path in tmp_path.iterdir():
        path.unlink()
    for name, data in ALLOWED.items():
        (tmp_path / name).write_bytes(data)
    assert in_little_memory(tmp_path, 300) == {
        "jpeg.jpg": "128.0",
        "progressive.jpg": "128.0",
        "transparent.png": "255.0",
        "transparent.webp": "255.0",
    }


def test_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    black = PhotoBytes("black.png", png(100, 100, 100, colours=0))
    for text, limit in (("", 50.0), (" ", 50.0), ("0.01", 0.01), ("2e3", 2000.0)):
        monkeypatch.setenv(MEGAPIXELS_VARIABLE, text)
        assert PhotoLimits.of_environment() == PhotoLimits(limit)
        assert load_photo(black, 8).max() == 0
    for text in ("0", "-1", "nan", "inf", "many"):
        monkeypatch.setenv(MEGAPIXELS_VARIABLE, text)
        with pytest.raises(
            PolycapError, match=rf"{MEGAPIXELS_VARIABLE}={text}: is no number of megapixels; set one above 0"
        ):
            load_photo(black, 8)


def test_limits_rise_together() -> None:
    for data in (jpeg(15_900, 15_800), jpeg(8000, 7600, 2), png(8000, 7000)):
        with pytest.raises(PhotoError, match="is above the limit of"):
            PhotoLimits().check_file(data, 598)
        PhotoLimits(60).check_file(data, 598)
    for data in (jpeg(15_900, 15_700), jpeg(8000, 7400, 10)):  # lower limits are of what is decoded
        PhotoLimits(10).check_file(data, 598)


def test_a_jpeg_2000_is_decoded_smaller_where_it_would_take_much(tmp_path: Path) -> None:
    assert [PhotoLimits().check_file(jpeg2000(side, side), 598) for side in (3000, 5000, 7000)] == [0, 1, 2]
    with pytest.raises(PhotoError, match="is above the limit of"):
        PhotoLimits().check_file(jpeg2000(65_000, 700), 598)
    noise = np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8)
    scene = Image.fromarray(noise).resize((1333, 999), Image.Resampling.BICUBIC)
    scene.save(tmp_path / "photo.jp2")
    whole = load_photo(tmp_path / "photo.jp2", SIZE).astype(int)
    for megapixels in (1.5, 1.35):
        halved = PhotoLimits(megapixels).check_file((tmp_path / "photo.jp2").read_bytes(), 2 * SIZE)
        assert halved > 0
        assert np.abs(load_photo(tmp_path / "photo.jp2", SIZE, PhotoLimits(megapixels)) - whole).mean() < 3


# --- pixels ---


def scene(mode: str, size: tuple[int, int]) -> Image.Image:
    generator = np.random.default_rng(0)
    image = Image.fromarray(generator.integers(0, 256, (size[1], size[0], 4), dtype=np.uint8), "RGBA")
    if mode == "F":
        return Image.fromarray(np.asarray(image.convert("L"), dtype=np.float32) * 7)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert("RGB").convert(mode) if mode == "P" else image.convert(mode)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "P", "CMYK", "I;16", "I", "F", "1"])
def test_rows_at_a_time_give_the_same_pixels(monkeypatch: pytest.MonkeyPatch, mode: str, orientation: int) -> None:
    image = scene(mode, (120, 90) if orientation < 5 else (90, 120))
    image.getexif()[0x0112] = orientation
    whole = load_photo(image, SIZE)
    monkeypatch.setattr(photo_files, "_SMALL", 0)
    monkeypatch.setattr(photo_files, "_STRIP_PIXELS", 1000)
    assert (load_photo(image, SIZE) == whole).all()


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {}), ("RGBA", {}), ("RGB", {"lossless": True}), ("RGBA", {"lossless": True, "exact": True})],
)
def test_libwebp_gives_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, options: dict[str, Any]
) -> None:
    if not webp_decoder.has_libwebp():
        pytest.skip("libwebp can't be reached through this Pillow")
    exif = Image.Exif()
    exif[0x0112] = 6
    scene(mode, (90, 121)).save(tmp_path / "photo.webp", exif=exif, **options)
    by_pillow = load_photo(tmp_path / "photo.webp", SIZE)
    monkeypatch.setattr(webp_decoder, "_SMALL", 0)
    assert webp_decoder.decode_webp((tmp_path / "photo.webp").read_bytes()) is not None
    assert (load_photo(tmp_path / "photo.webp", SIZE) == by_pillow).all()
    for data in ((tmp_path / "photo.webp").read_bytes()[:99], b"RIFF\0\0\0\0WEBPVP8 ", webp(90)[:-8]):
        with pytest.raises(PhotoError):
            load_photo(data, SIZE)


def halves(monkeypatch: pytest.MonkeyPatch, image: Image.Image, path: Path, **options: Any) -> NDArray[np.uint8]:
    """Pixels of a WebP that is decoded at half its size."""
    if not webp_decoder.has_libwebp():
        pytest.skip("libwebp can't be reached through this Pillow")
    image.save(path, **options)
    monkeypatch.setattr(webp_decoder, "_SMALL", 0)
    monkeypatch.setattr(webp_decoder, "_HALVED", 0)
    return load_photo(path, SIZE)


def test_a_webp_at_half_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = scene("RGB", (12, 9)).resize((401, 301), Image.Resampling.BICUBIC)
    pixels = halves(monkeypatch, smooth, tmp_path / "photo.webp", lossless=True)
    assert np.abs(pixels.astype(int) - load_photo(smooth, SIZE)).mean() < 1


def test_colours_under_transparent_pixels_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    red = Image.new("RGBA", (400, 300), (255, 0, 0, 0))
    red.paste((255, 255, 255, 255), (0, 0, 399, 151))  # whose edges fall into the middle of a pixel
    assert (halves(monkeypatch, red, tmp_path / "photo.webp", lossless=True, exact=True) == 255).all()


def test_deep_colours_of_a_telephone_take_more() -> None:
    image = Image.new("RGB", (300, 200))
    image.format, limits = "HEIF", PhotoLimits(0.06)
    image.info.update(bit_depth=10, chroma=420)
    limits.check_image(image)
    image.info.update(chroma=444)
    with pytest.raises(PhotoError, match=r"300×200 pixels is above the limit of 0\.03529 megapixels of this format"):
        limits.check_image(image)


def test_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MEGAPIXELS_VARIABLE, "1")  # what a command sets ends with the test, too
    (tmp_path / "Images").mkdir()
    Image.new("RGB", (200, 100)).save(tmp_path / "Images" / "a.png")
    (tmp_path / "captions.txt").write_text("image,caption\na.png,a photo\n")
    assert run_polycap("data", "check", tmp_path).out.count("faults: 0") == 1
    said = run_polycap("data", "check", tmp_path, "--max-megapixels", 0.015).out
    assert "200×100 pixels is above the limit of 0.015 megapixels; make it smaller, or raise --max-megapixels" in said
    for command in (("caption",), ("evaluate",), ("serve",), ("features",), ("quantize",), ("data", "check")):
        assert "--max-megapixels" in run_polycap(*command, "--help").out
