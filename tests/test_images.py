"""Photos of every kind become `(size, size, 3) uint8`, upright and on white, or one line that says why not."""

import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from pillow_heif import register_heif_opener

from polycap.errors import PhotoError
from polycap.features.images import find_photos, load_photo
from polycap.photo_limits import VARIABLE

SIZE = 8
RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def assert_colour(pixels: NDArray[np.uint8], colour: tuple[int, int, int], within: int = 0) -> None:
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels.dtype == np.uint8
    off = np.abs(pixels.astype(int) - np.array(colour)).max()
    assert off <= within, f"{pixels[0, 0]}, not {colour}"


def error_of(photo: Any) -> str:
    with pytest.raises(PhotoError) as caught:
        load_photo(photo, SIZE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue", "green")]
    frames[0].save(tmp_path / f"photo{suffix}", save_all=True, append_images=frames[1:], duration=100)
    with Image.open(tmp_path / f"photo{suffix}") as saved:
        assert getattr(saved, "n_frames", 1) == 3
    assert_colour(load_photo(tmp_path / f"photo{suffix}", SIZE), RED, within=5)


# --- EXIF ---


def corners(scale: int = 1) -> NDArray[np.uint8]:
    """A wide photo of four colours, in blocks that JPEG keeps: red, green / blue, white."""
    blocks = np.array([[RED, (0, 255, 0)], [(0, 0, 255), WHITE]], dtype=np.uint8)
    return blocks.repeat(16 * scale, axis=0).repeat(32 * scale, axis=1)


def as_stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """What a camera stores: EXIF's table says which side of the scene the first row and the first column are."""
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


# --- photos that aren't ---


def test_missing_file(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none.jpg") == f"{tmp_path / 'none.jpg'}: no such file"
    assert error_of(str(tmp_path / "none.jpg")) == f"{tmp_path / 'none.jpg'}: no such file"


def test_folder(tmp_path: Path) -> None:
    assert error_of(tmp_path) == f"{tmp_path}: is a folder, not a photo"


@pytest.mark.parametrize("content", [b"", b"A dog runs.\n", b"\xff\xd8\xff", b"GIF89a", bytes(1000)])
def test_file_that_is_no_photo(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "photo.jpg").write_bytes(content)
    assert error_of(tmp_path / "photo.jpg").startswith(f"{tmp_path / 'photo.jpg'}: ")


def test_text_called_jpg(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("A dog runs.\n")
    assert error_of(tmp_path / "photo.jpg").endswith("is not an image that Pillow can read")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_truncated_photo(tmp_path: Path, photo_folder: Path, suffix: str, share: float) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"photo{suffix}"
    Image.open(photo_folder / "3.jpg").save(whole)
    assert load_photo(whole, SIZE).shape == (SIZE, SIZE, 3)
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    assert error_of(path).startswith(f"{path}: ")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".webp", ".bmp"])
def test_damaged_photo_is_read_or_refused(tmp_path: Path, suffix: str) -> None:
    generator = np.random.default_rng(0)
    whole, path = io.BytesIO(), tmp_path / f"photo{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = Image.fromarray(generator.integers(0, 256, (20, 30, 3), dtype=np.uint8))
    noise.save(whole, Image.registered_extensions()[suffix], exif=exif)
    refused = []
    for _ in range(150):
        damaged = np.frombuffer(whole.getvalue(), dtype=np.uint8).copy()
        where = generator.integers(0, generator.choice([60, damaged.size]), generator.choice([1, 3, 10]))
        damaged[where] = generator.integers(0, 256, where.size)
        path.write_bytes(damaged.tobytes())
        try:
            assert load_photo(path, SIZE).shape == (SIZE, SIZE, 3)
        except PhotoError as error:
            refused.append(str(error))
    assert refused
    assert not [message for message in refused if "\n" in message]


class Broken(Image.Image):
    """An image whose decoder fails as libavif's does."""

    def __init__(self) -> None:
        super().__init__()
        self._size = (4, 4)

    def load(self) -> None:
        raise RuntimeError("Failed to decode:\nno planes")


def test_whatever_a_decoder_raises_is_one_line() -> None:
    assert error_of(Broken()) == "image: can't be decoded (Failed to decode: no planes)"


def png_header(width: int, height: int) -> bytes:
    """A PNG of 60 bytes that says that it is huge."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7072, 13_378, 40_000, 2**31 - 1])
def test_decompression_bomb(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(side, side))
    assert error_of(tmp_path / "bomb.png") == (
        f"{tmp_path / 'bomb.png'}: {side}×{side} pixels is above the limit of 50 megapixels; make it smaller, or raise "
        "--max-megapixels (POLYCAP_MAX_MEGAPIXELS) above 50"
    )


@pytest.mark.parametrize("kind", ["file", "image", "array"])
def test_the_limit_holds_for_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    image = Image.new("RGB", (32, 16), "red")
    image.save(tmp_path / "photo.png")
    photo: Any = {"file": tmp_path / "photo.png", "image": image, "array": np.asarray(image)}[kind]
    monkeypatch.setenv(VARIABLE, str(32 * 16e-6))
    assert_colour(load_photo(photo, SIZE), RED)
    monkeypatch.setenv(VARIABLE, str(32 * 16e-6 - 1e-6))
    name = tmp_path / "photo.png" if kind == "file" else "image"
    assert error_of(photo).startswith(
        f"{name}: 32×16 pixels is above the limit of 0.000511 megapixels; make it smaller"
    )


# --- warnings ---


def test_pillows_warnings_are_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (32, 16), "red").save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # above it Pillow warns, above twice it refuses
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(path).close()
    assert_colour(load_photo(path, SIZE), RED)


def test_threads_that_overlap_leave_the_warnings_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (32, 16), "red").save(tmp_path / "photo.png")
    opened = {name: threading.Event() for name in ("first", "second")}
    close = {name: threading.Event() for name in ("first", "second")}
    open_image = Image.open

    def open_and_wait(path: Path, **options: Any) -> Image.Image:
        name = threading.current_thread().name
        opened[name].set()
        close[name].wait(10)
        return open_image(path, **options)

    monkeypatch.setattr(Image, "open", open_and_wait)
    threads = [threading.Thread(target=load_photo, args=(tmp_path / "photo.png", SIZE), name=name) for name in opened]
    for thread in threads:
        thread.start()
        assert opened[thread.name].wait(10)
    for thread in threads:  # in this order, `warnings.catch_warnings` would leave the first one's filters for ever
        close[thread.name].set()
        thread.join()
    with pytest.raises(UserWarning, match="still heard"):
        warnings.warn("still heard", stacklevel=1)


# --- Pillow images and arrays ---


def test_sources_agree(tmp_path: Path, photo_folder: Path) -> None:
    Image.open(photo_folder / "3.jpg").save(tmp_path / "photo.png")
    expected = load_photo(tmp_path / "photo.png", SIZE)
    with Image.open(tmp_path / "photo.png") as image:
        array = np.asarray(image)
        assert (load_photo(image, SIZE) == expected).all()
    assert (load_photo(str(tmp_path / "photo.png"), SIZE) == expected).all()
    assert (load_photo(array, SIZE) == expected).all()
    assert np.abs(load_photo(array[:, ::-1], SIZE).astype(int) - expected[:, ::-1]).max() <= 1
    assert (load_photo(np.dstack([array, np.full(array.shape[:2], 255, np.uint8)]), SIZE) == expected).all()
    assert (load_photo(np.zeros((*array.shape[:2], 4), np.uint8), SIZE) == 255).all()
    assert (load_photo(np.full((5, 9), 60, np.uint8), SIZE) == 60).all()


def test_callers_image_is_left_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(corners(8)).save(tmp_path / "photo.jpg")
    with Image.open(tmp_path / "photo.jpg") as image:
        load_photo(image, SIZE)
        assert image.size == (512, 256)
        assert np.asarray(image).shape == (256, 512, 3)


def test_a_callers_broken_image_is_an_error_too(tmp_path: Path, photo_folder: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes((photo_folder / "3.jpg").read_bytes()[:2000])
    with Image.open(tmp_path / "photo.jpg") as image:
        assert error_of(image).startswith("image: can't be decoded (")


@pytest.mark.parametrize("shape", [(4,), (4, 4, 1), (4, 4, 2), (4, 4, 5), (1, 4, 4, 3)])
def test_array_of_another_shape(shape: tuple[int, ...]) -> None:
    message = error_of(np.zeros(shape, dtype=np.uint8))
    assert str(shape) in message
    assert "expected (height, width) or (height, width, 3 or 4) uint8" in message


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.bool_])
def test_array_of_another_dtype(dtype: Any) -> None:
    assert np.dtype(dtype).name in error_of(np.zeros((4, 4, 3), dtype=dtype))


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 0, 3), (0, 0)])
def test_empty_array(shape: tuple[int, ...]) -> None:
    assert error_of(np.zeros(shape, dtype=np.uint8)) == f"image: {shape[1]}×{shape[0]}: has no pixels"


def test_squashed_not_cut() -> None:
    pixels = load_photo(corners(), 64)
    assert pixels.shape == (64, 64, 3)
    assert (pixels[[5, 5, -5, -5], [5, -5, 5, -5]] == corners()[::31, ::63].reshape(4, 3)).all()


# --- folders ---


def test_photos_of_a_folder_in_order(tmp_path: Path) -> None:
    names = ["b.JPG", "a.png", "sub/c.webp", "sub/deep/d.tiff", "notes.txt", "._a.png", "sub/e.jpg.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path)]
    assert found == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.tiff"]


def test_a_file_is_itself_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "photo").touch()
    assert find_photos(tmp_path / "photo") == [tmp_path / "photo"]


def test_no_photos(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(PhotoError, match=r"no photo in this folder \(looked for \.avif, "):
        find_photos(tmp_path)
    with pytest.raises(PhotoError, match="no such file or folder"):
        find_photos(tmp_path / "none")


def test_neither_file_nor_folder() -> None:
    """Such as a pipe."""
    with pytest.raises(PhotoError, match="is neither a file nor a folder"):
        find_photos(Path(os.devnull))


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
    assert find_photos(tmp_path) == [tmp_path / "IMG_1.HEIC", tmp_path / "photo.jpg"]
    ours, expected = (load_photo(path, SIZE).astype(int) for path in find_photos(tmp_path))
    assert np.abs(ours - expected).max() < 16
    assert (ours[0, 0, 1] < 16) == (orientation == 1)  # red


def test_a_broken_heic(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    assert error_of(path).startswith(f"{path}: ")
