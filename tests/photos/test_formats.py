"""Tests of polycap/photos/formats.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from pillow_heif import register_heif_opener

from photo_checks import BLACK, RED, SIZE, WHITE, assert_colour, corners, error_of
from polycap.photos.find import find_photos
from polycap.photos.load import load_photo

# --- modes ---


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGB", (10, 200, 30), (10, 200, 30)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, WHITE),
        ("RGBA", (10, 200, 30, 255), (10, 200, 30)),
        ("RGBA", (10, 200, 30, 0), WHITE),
        ("RGBA", (255, 0, 0, 128), (255, 127, 127)),
        ("LA", (0, 255), BLACK),
        ("LA", (0, 0), WHITE),
        ("LA", (0, 128), (127, 127, 127)),
    ],
)
def test_png_modes_on_white(tmp_path: Path, mode: str, colour: Any, expected: tuple[int, int, int]) -> None:
    Image.new(mode, (30, 20), colour).save(tmp_path / "photo.png")
    assert_colour(load_photo(tmp_path / "photo.png", SIZE), expected)


def palette_photo() -> Image.Image:
    """Left half red (entry 0), right half green (entry 1)."""
    photo = Image.new("P", (32, 16), 0)
    photo.putpalette([*RED, 0, 255, 0])
    photo.paste(1, (16, 0, 32, 16))
    return photo


def test_palette(tmp_path: Path) -> None:
    palette_photo().save(tmp_path / "photo.png")
    pixels = load_photo(tmp_path / "photo.png", SIZE)
    assert_colour(np.repeat(pixels[:, :1], SIZE, axis=1), RED)
    assert_colour(np.repeat(pixels[:, -1:], SIZE, axis=1), (0, 255, 0))


@pytest.mark.parametrize(
    ("transparency", "left"),
    [(0, WHITE), (b"\x00\xff", WHITE), (b"\x80\xff", (255, 127, 127))],
    ids=["an entry", "bytes", "half"],
)
def test_palette_with_transparency(tmp_path: Path, transparency: Any, left: tuple[int, int, int]) -> None:
    palette_photo().save(tmp_path / "photo.png", transparency=transparency)
    pixels = load_photo(tmp_path / "photo.png", SIZE)
    assert_colour(np.repeat(pixels[:, :1], SIZE, axis=1), left)
    assert_colour(np.repeat(pixels[:, -1:], SIZE, axis=1), (0, 255, 0))


def test_one_transparent_colour(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), (1, 2, 3)).save(tmp_path / "photo.png", transparency=(1, 2, 3))
    assert_colour(load_photo(tmp_path / "photo.png", SIZE), WHITE)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (32, 16), (255, 0, 0, 0)).save(tmp_path / "photo.jpg", quality=100)
    assert_colour(load_photo(tmp_path / "photo.jpg", SIZE), (0, 255, 255), within=3)


def test_grey_jpeg(tmp_path: Path) -> None:
    Image.new("L", (32, 16), 90).save(tmp_path / "photo.jpg", quality=100)
    assert_colour(load_photo(tmp_path / "photo.jpg", SIZE), (90, 90, 90), within=1)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize(("value", "grey"), [(65535, 255), (32768, 127), (200, 0), (0, 0)])
def test_16_bit_grey_is_scaled_by_its_range(tmp_path: Path, suffix: str, value: int, grey: int) -> None:
    # 200 of 65,535 is nearly black: a dark photo must not be taken for an 8-bit one
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(np.full((20, 30), value, dtype=np.uint16)).save(path)
    assert_colour(load_photo(path, SIZE), (grey, grey, grey), within=1)


@pytest.mark.parametrize(
    ("top", "dtype"),
    [
        (255, np.int32),
        (65535, np.int32),
        (1_000_000, np.int32),
        (1.0, np.float32),
        (255, np.float32),
        (9e9, np.float32),
    ],
)
def test_32_bit_grey_is_scaled_by_a_guess(tmp_path: Path, top: float, dtype: Any) -> None:
    values = np.full((16, 32), top, dtype=dtype)
    values[:, :16] = 0
    Image.fromarray(values).save(tmp_path / "photo.tif")
    pixels = load_photo(tmp_path / "photo.tif", SIZE)
    assert_colour(np.repeat(pixels[:, :1], SIZE, axis=1), BLACK, within=1)
    assert_colour(np.repeat(pixels[:, -1:], SIZE, axis=1), WHITE, within=1)


def test_float_photo_with_holes(tmp_path: Path) -> None:
    values = np.full((16, 32), np.nan, dtype=np.float32)
    values[:, 16:] = 1
    values[0, 0] = np.inf
    Image.fromarray(values).save(tmp_path / "photo.tif")
    assert (load_photo(tmp_path / "photo.tif", SIZE)[4, [0, -1]] == [BLACK, WHITE]).all()


@pytest.mark.parametrize(("stray", "shifted"), [(1.004, 0.0), (-0.004, 0.0), (1.0, 0.5)])
def test_range_of_a_float_photo_comes_from_nearly_all_pixels(tmp_path: Path, stray: float, shifted: float) -> None:
    grey = np.linspace(0, 1, 512, dtype=np.float32).reshape(16, 32)
    Image.fromarray(grey).save(tmp_path / "plain.tif")
    other = (grey - shifted) / (1 - shifted)  # from 0 or, shifted, from -1
    other[0, 0] = stray if not shifted else other[0, 0]
    Image.fromarray(other).save(tmp_path / "other.tif")
    plain, found = (load_photo(tmp_path / f"{name}.tif", SIZE).astype(int) for name in ("plain", "other"))
    assert np.abs(plain - found)[2:].max() <= 2
    assert plain.max() > 240


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue", "green")]
    frames[0].save(tmp_path / f"photo{suffix}", save_all=True, append_images=frames[1:], duration=100)
    with Image.open(tmp_path / f"photo{suffix}") as saved:
        assert getattr(saved, "n_frames", 1) == 3
    assert_colour(load_photo(tmp_path / f"photo{suffix}", SIZE), RED, within=5)


def as_stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return the pixels that a camera stores. EXIF defines the sides of the scene of first row and first column."""
    across = upright.transpose(1, 0, 2)
    return {
        1: upright,
        2: upright[:, ::-1],  # top, right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: across,  # left, top
        6: across[::-1],  # right, top
        7: across[::-1, ::-1],  # right, bottom
        8: across[:, ::-1],  # left, bottom
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        (".jpg", {"quality": 100, "subsampling": 0}),
        (".png", {}),
        (".webp", {"lossless": True}),
        (".tif", {}),
    ],
)
def test_exif_rotation_is_undone(tmp_path: Path, suffix: str, settings: dict[str, Any], orientation: int) -> None:
    path, plain = tmp_path / f"photo{suffix}", tmp_path / f"plain{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(as_stored(corners(), orientation)).save(path, exif=exif, **settings)
    Image.fromarray(corners()).save(plain, **settings)
    pixels = load_photo(path, SIZE)
    assert (pixels == load_photo(plain, SIZE)).all()
    assert np.abs(pixels[[0, 0, -1, -1], [0, -1, 0, -1]].astype(int) - corners()[::31, ::63].reshape(4, 3)).max() < 9


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_rotation_of_a_photo_that_is_decoded_smaller(tmp_path: Path, orientation: int) -> None:
    for name, number in (("turned.jpg", orientation), ("plain.jpg", 1)):
        exif = Image.Exif()
        exif[0x0112] = number
        stored = Image.fromarray(as_stored(corners(8), number))
        stored.save(tmp_path / name, quality=100, subsampling=0, exif=exif)
    assert (load_photo(tmp_path / "turned.jpg", SIZE) == load_photo(tmp_path / "plain.jpg", SIZE)).all()


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\xff\x08", b"Exif\0\0II*\0", b"nothing"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_broken_metadata_does_not_cost_a_photo(tmp_path: Path, suffix: str, exif: bytes) -> None:
    Image.new("RGB", (32, 16), "red").save(tmp_path / f"photo{suffix}", exif=exif)
    assert_colour(load_photo(tmp_path / f"photo{suffix}", SIZE), RED, within=2)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_telephones_photos(tmp_path: Path, orientation: int) -> None:
    """HEIC, upright as the same photo in JPEG is."""
    photo = Image.new("RGB", (64, 48), WHITE)
    photo.paste(RED, (0, 0, 32, 24))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    photo.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    register_heif_opener()
    photo.save(tmp_path / "IMG_1.HEIC", format="HEIF", exif=exif.tobytes(), quality=95)
    assert find_photos(tmp_path).photos == [tmp_path / "IMG_1.HEIC", tmp_path / "photo.jpg"]
    ours, expected = (load_photo(path, SIZE).astype(int) for path in find_photos(tmp_path).photos)
    assert np.abs(ours - expected).max() < 16
    assert (ours[0, 0, 1] < 16) == (orientation == 1)  # red


def test_a_broken_heic(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    assert error_of(path).startswith(f"{path}: ")
