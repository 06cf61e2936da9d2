"""Tests of polycap/photos/raw.py and polycap/photos/jxl.py: formats that an extra reads."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photo_checks import SIZE, corners, error_of
from polycap.photos.jxl import jxl_size
from polycap.photos.load import load_photo

SHORT, LONG, BYTE, TEXT = "H", "I", "B", "s"
Entry = tuple[int, str, Any]
CODES = {SHORT: 3, LONG: 4, BYTE: 1, TEXT: 2}


def dng(preview: bytes | None, *, turned: int = 1) -> bytes:
    """A raw file of 320×240 grey pixels, with a JPEG preview of the same size, as cameras write them."""
    sensor = np.full((240, 320), 2000, "<u2").tobytes()
    size: list[Entry] = [(256, LONG, 320), (257, LONG, 240)]
    camera: list[Entry] = [
        (271, TEXT, b"Test\0"),
        (272, TEXT, b"Camera\0"),
        (274, SHORT, turned),
        (50706, BYTE, b"\1\4\0\0"),
    ]
    camera.append((50708, TEXT, b"Test Camera\0"))
    raw: list[Entry] = [(254, LONG, 0), *size, (258, SHORT, 16), (259, SHORT, 1), (262, SHORT, 32803), (277, SHORT, 1)]
    raw += [(278, LONG, 240), (279, LONG, len(sensor)), (33421, SHORT, (2, 2)), (33422, BYTE, b"\0\1\1\2")]
    raw.append((50717, LONG, 4095))
    at = 4096
    if preview is None:
        return _tiff(8, sorted([*raw, *camera, (273, LONG, at)])).ljust(at, b"\0") + sensor
    shown: list[Entry] = [
        (254, LONG, 1),
        *size,
        (258, SHORT, (8, 8, 8)),
        (259, SHORT, 7),
        (262, SHORT, 6),
        (273, LONG, at),
    ]
    shown += [(277, SHORT, 3), (278, LONG, 240), (279, LONG, len(preview)), (330, LONG, 2048)]
    head = _tiff(8, sorted([*shown, *camera])).ljust(2048, b"\0")
    inner = _folder(2048, sorted([*raw, (273, LONG, at + len(preview))]))
    return (head + inner).ljust(at, b"\0") + preview + sensor


def _tiff(offset: int, entries: list[Entry]) -> bytes:
    return struct.pack("<2sHI", b"II", 42, offset) + _folder(offset, entries)


def _folder(offset: int, entries: list[Entry]) -> bytes:
    packed, more = struct.pack("<H", len(entries)), b""
    end = offset + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        values = value if isinstance(value, tuple | bytes) else (value,)
        body = bytes(values) if isinstance(values, bytes) else struct.pack(f"<{len(values)}{kind}", *values)
        if len(body) > 4:
            place, more = struct.pack("<I", end + len(more)), more + body
        else:
            place = body.ljust(4, b"\0")
        packed += struct.pack("<HHI", tag, CODES[kind], len(values)) + place
    return packed + struct.pack("<I", 0) + more


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.mark.parametrize(("turned", "quarters"), [(1, 0), (3, 2), (6, -1), (8, 1)])
@pytest.mark.parametrize("kind", ["path", "bytes"])
def test_a_raw_file_is_its_preview_upright(tmp_path: Path, turned: int, quarters: int, kind: str) -> None:
    pytest.importorskip("rawpy")
    shown = Image.fromarray(corners(8)).resize((320, 240))
    path = tmp_path / "DSC_1.NEF"
    path.write_bytes(dng(jpeg(shown), turned=turned))
    found = load_photo(path if kind == "path" else path.read_bytes(), SIZE)
    expected = load_photo(jpeg(shown), SIZE)
    assert np.abs(found.astype(int) - np.rot90(expected, quarters).astype(int)).max() <= 4


def test_a_raw_file_without_a_preview_is_developed() -> None:
    pytest.importorskip("rawpy")
    pixels = load_photo(dng(None), SIZE)
    assert pixels.shape == (SIZE, SIZE, 3)
    assert int(pixels.max()) - int(pixels[pixels.shape[0] // 2, :, 1].min()) < 120
    assert pixels.max() > 60


def test_a_broken_raw_file_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    (tmp_path / "x.arw").write_bytes(b"II*\0 no camera's")
    assert error_of(tmp_path / "x.arw").startswith(f"{tmp_path / 'x.arw'}: can't be decoded (")


def test_a_jpeg_of_a_raw_files_name_is_a_jpeg(tmp_path: Path) -> None:
    (tmp_path / "x.dng").write_bytes(jpeg(Image.new("RGB", (32, 32), "red")))
    assert load_photo(tmp_path / "x.dng", SIZE)[0, 0].tolist() == [254, 0, 0]


@pytest.mark.parametrize(("size", "boxes"), [((64, 64), False), ((300, 200), False), ((301, 157), True)])
def test_a_jpeg_xl(size: tuple[int, int], boxes: bool) -> None:
    pytest.importorskip("pillow_jxl")
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(file, "JXL", **({"use_container": True} if boxes else {}))
    assert jxl_size(file.getvalue()) == size
    assert np.abs(load_photo(file.getvalue(), SIZE).astype(int) - (200, 30, 30)).max() <= 4


@pytest.mark.parametrize("data", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)])
def test_a_broken_jpeg_xl_is_one_error(data: bytes) -> None:
    pytest.importorskip("pillow_jxl")
    assert error_of(data).startswith("image: ")


def test_a_large_jpeg_xl_is_refused_before_it_is_decoded() -> None:
    pytest.importorskip("pillow_jxl")
    bits = 3 << 1 | (20_000 - 1) << 3 | 1 << 33  # 30 bits of height, and a width of the same
    assert "20000×20000 pixels is above the limit of 25 megapixels of this" in error_of(
        b"\xff\x0a" + bits.to_bytes(12, "little")
    )


@pytest.mark.parametrize(
    ("module", "name", "data", "line"),
    [
        ("rawpy", "x.CR3", b"\0\0\0\x18ftypcrx ", 'a camera\'s raw file needs rawpy, which is not installed: pip '
         'install "polycap[raw]"'),
        ("pillow_jxl", "x.jxl", b"\xff\x0a", 'a JPEG XL needs pillow-jxl-plugin, which is not installed: pip install '
         '"polycap[jxl]"'),
    ],
)  # fmt: skip
def test_what_lacks_an_extra_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, data: bytes, line: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    (tmp_path / name).write_bytes(data)
    assert error_of(tmp_path / name) == f"{tmp_path / name}: {line}"
