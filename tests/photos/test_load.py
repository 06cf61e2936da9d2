"""Photos of every kind become `(size, size, 3) uint8`, upright and on white, or one line that says why not."""

import io
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photo_checks import RED, SIZE, assert_colour, corners, error_of, png_header
from polycap.errors import PhotoError
from polycap.photos.limits import MEGAPIXELS_VARIABLE
from polycap.photos.load import hold_photo, is_photo, load_photo
from polycap.photos.name import PhotoBytes
from polycap.photos.quiet import quiet_pillow

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


@pytest.mark.parametrize("side", [7072, 13_378, 40_000, 2**31 - 1])
def test_decompression_bomb(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(side, side))
    assert error_of(tmp_path / "bomb.png") == (
        f"{tmp_path / 'bomb.png'}: {side}×{side} pixels is above the limit of 50 megapixels; make it smaller, or raise "
        "`max_megapixels` (POLYCAP_MAX_MEGAPIXELS) above 50"
    )


@pytest.mark.parametrize("kind", ["file", "image", "array"])
def test_the_limit_holds_for_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    image = Image.new("RGB", (32, 16), "red")
    image.save(tmp_path / "photo.png")
    photo: Any = {"file": tmp_path / "photo.png", "image": image, "array": np.asarray(image)}[kind]
    monkeypatch.setenv(MEGAPIXELS_VARIABLE, str(32 * 16e-6))
    assert_colour(load_photo(photo, SIZE), RED)
    monkeypatch.setenv(MEGAPIXELS_VARIABLE, str(32 * 16e-6 - 1e-6))
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


def test_the_callers_filters_are_left_as_they_are(photo_folder: Path) -> None:
    """Also a list of them that another thread makes and drops meanwhile, and what has been shown once."""
    before = list(warnings.filters)
    with quiet_pillow():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load_photo(photo_folder / "3.jpg", SIZE)
        assert len(warnings.filters) == len(before) + 1
    assert warnings.filters == before
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(3):
            warnings.warn("told once", stacklevel=1)
            load_photo(photo_folder / "3.jpg", SIZE)
    assert [str(warning.message) for warning in shown] == ["told once"]


# --- open files, changeable bytes and tensors ---


class Tensor:
    """An array of another library."""

    def __init__(self, pixels: Any) -> None:
        self.pixels = pixels

    @property
    def ndim(self) -> int:
        return int(self.pixels.ndim)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.pixels


def test_other_sources_agree(photo_folder: Path) -> None:
    path = photo_folder / "3.jpg"
    expected = load_photo(path, SIZE)
    data = path.read_bytes()
    with Image.open(path) as image:
        tensor: Any = Tensor(np.asarray(image))
        assert (load_photo(tensor, SIZE) == load_photo(tensor.pixels, SIZE)).all()
    with path.open("rb") as file:
        photos: list[Any] = [bytearray(data), memoryview(data), io.BytesIO(data), file]
        assert all(is_photo(photo) for photo in [*photos, tensor])
        assert all((load_photo(photo, SIZE) == expected).all() for photo in photos)
    assert not is_photo(Tensor(np.zeros((2, 4, 4, 3), np.uint8)))
    assert not is_photo(Tensor(np.array(["a.jpg", "b.jpg"], dtype=object)))  # a pandas column


def test_a_held_photo_stays_as_it_was(photo_folder: Path) -> None:
    path = photo_folder / "3.jpg"
    changing = bytearray(path.read_bytes())
    with path.open("rb") as file:
        held, read = hold_photo(changing), hold_photo(file)
    changing[:] = bytes(len(changing))
    assert held == path.read_bytes()
    assert read == PhotoBytes(str(path), path.read_bytes())
    with path.open(encoding="latin-1") as text:
        assert error_of(text) == "image: TextIOWrapper: an open file that gives no bytes; open it in binary mode"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((3, 4, 5), np.uint8), "its channels come first: array.transpose(1, 2, 0)"),
        (np.zeros((4, 4, 3), np.float32), 'of values from 0 to 1, make (array * 255).round().astype("uint8")'),
        (None, "NoneType: is no photo; give a path, "),
        ({"image": 1}, "dict: is no photo"),
        (["a"] * 1000, "list: is no photo"),
    ],
)
def test_what_is_refused_names_its_kind_and_the_conversion(value: Any, words: str) -> None:
    assert words in error_of(value)
    assert len(error_of(value)) < 250


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
    assert "expected (height, width) or (height, width, 3 or 4) uint8, RGB" in message


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
