"""The feature store: extraction that survives `kill -9`, and stores that don't fit or are broken."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from polycap.errors import FeatureStoreError
from polycap.features.extract import BATCH_SIZE, extract_features
from polycap.features.identity import EncoderIdentity
from polycap.features.store import FeatureStore, StoreWriter
from polycap.hashes import HashCache

if TYPE_CHECKING:
    from polycap.features.encoder import Encoder

PHOTOS = 2 * BATCH_SIZE + 5


class TinyEncoder:
    """What extraction needs of an encoder: the mean colour of a photo's quarters, and twice that.

    It writes the photos it sees (their red is their number) to `log`, and dies in its call number `dies_in`.
    """

    identity = EncoderIdentity("tiny", "tiny")
    precision = "f32"
    size, cells, blocks = 4, 4, (6,)

    def __init__(self, log: Path, dies_in: int = 0) -> None:
        self.log = log
        self.dies_in = dies_in
        self.calls = 0

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls += 1
        if self.calls == self.dies_in:
            os.kill(os.getpid(), signal.SIGKILL)
        with self.log.open("a") as stream:
            stream.write("".join(f"{red}\n" for red in photos[:, :, :, 0].max(axis=(1, 2))))
        quarters = photos.reshape(-1, 2, 2, 2, 2, 3).mean(axis=(2, 4), dtype=np.float32).reshape(-1, 4, 3)
        return np.concatenate([quarters, 2 * quarters], axis=2)


Named = list[tuple[str, Path]]


def name_of(number: int) -> str:
    return f"{number:03d}.png"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Named:
    """Photos whose red is their number, left half black; number 7 is a text and number 40 is cut short."""
    folder = tmp_path_factory.mktemp("photos")
    named = [(name_of(number), folder / name_of(number)) for number in range(PHOTOS)]
    for number, (_, path) in enumerate(named):
        photo = Image.new("RGB", (4, 4), (number, 100, 200))
        photo.paste("black", (0, 0, 2, 4))
        photo.save(path)
    named[7][1].write_text("no photo")
    named[40][1].write_bytes(named[40][1].read_bytes()[:50])
    return named


def extract(photos: Named, folder: Path, log: Path, dies_in: int = 0, mirrored: bool = False) -> FeatureStore:
    encoder = cast("Encoder", TinyEncoder(log, dies_in))
    return extract_features(photos, encoder, folder, mirrored=mirrored, progress=False)


def encoded(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().splitlines()] if log.exists() else []


def finished(folder: Path) -> set[int]:
    lines = (folder / "progress.jsonl").read_text().splitlines() if (folder / "progress.jsonl").exists() else []
    return {json.loads(line)["row"] for line in lines}


class Whole(NamedTuple):
    """A store that was extracted without interruption."""

    folder: Path
    store: FeatureStore
    log: Path


@pytest.fixture(scope="module")
def whole(photos: Named, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    log = folder / "log"
    return Whole(folder / "store", extract(photos, folder / "store", log), log)


GOOD = [number for number in range(PHOTOS) if number not in (7, 40)]


# --- extraction ---


def test_every_photo_has_its_row(whole: Whole) -> None:
    store = whole.store
    assert store.names == [name_of(number) for number in range(PHOTOS)]
    assert store.features.dtype == np.float16
    assert store.features.shape == (PHOTOS, 4, 6)
    assert (store.shape, store.encoder, store.pca, store.mirrored) == ((4, 6), "tiny", None, False)
    expected = [[[0] * 6, [n, 100, 200, 2 * n, 200, 400]] * 2 for n in GOOD]
    assert (store.features[GOOD] == np.array(expected, dtype=np.float16)).all()
    assert sorted(encoded(whole.log)) == GOOD


def test_photos_that_cannot_be_read_are_named_and_skipped(whole: Whole, photos: Named) -> None:
    assert whole.store.faults == {
        name_of(7): f"{photos[7][1]}: is not an image that Pillow can read",
        name_of(40): f"{photos[40][1]}: can't be decoded (image file is truncated)",
    }
    assert [name in whole.store for name in (name_of(6), name_of(7), name_of(40), "other")] == [
        True,
        False,
        False,
        False,
    ]


def test_mirrored_photos(photos: Named, whole: Whole, tmp_path: Path) -> None:
    mirrored = extract(photos, tmp_path / "mirrored", tmp_path / "log", mirrored=True)
    assert mirrored.mirrored
    assert (mirrored.features[GOOD] == whole.store.features[GOOD][:, [1, 0, 3, 2]]).all()


def test_a_batch_of_faults_alone(photos: Named, tmp_path: Path) -> None:
    store = extract([photos[7], photos[40]], tmp_path / "store", tmp_path / "log")
    assert sorted(store.faults) == [name_of(7), name_of(40)]
    assert encoded(tmp_path / "log") == []


def test_a_finished_store_needs_no_encoder(photos: Named, whole: Whole, tmp_path: Path) -> None:
    before = (whole.folder / "progress.jsonl").read_bytes()
    again = extract(photos, whole.folder, tmp_path / "log")
    assert encoded(tmp_path / "log") == []
    assert again.faults == whole.store.faults
    assert (whole.folder / "progress.jsonl").read_bytes() == before


def test_photos_that_are_away_are_told_at_the_end_and_not_held_for_broken(
    photos: Named, whole: Whole, tmp_path: Path
) -> None:
    shutil.copytree(photos[0][1].parent, tmp_path / "photos")
    moved = [(name, tmp_path / "photos" / name) for name, _ in photos]
    moved[3][1].rename(tmp_path / "away.png")
    with pytest.raises(FeatureStoreError, match=rf"1 photos can't be read now, first {moved[3][1]}: no such file; put"):
        extract(moved, tmp_path / "store", tmp_path / "log")
    assert encoded(tmp_path / "log") == [number for number in GOOD if number != 3]
    assert name_of(3) not in FeatureStore(tmp_path / "store").faults
    (tmp_path / "away.png").rename(moved[3][1])
    store = extract(moved, tmp_path / "store", tmp_path / "again")
    assert encoded(tmp_path / "again") == [3]
    assert (store.features == whole.store.features).all()


def test_photos_that_were_replaced_or_mended_are_encoded_again(photos: Named, whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(photos[0][1].parent, tmp_path / "photos")
    moved = [(name, tmp_path / "photos" / name) for name, _ in photos]

    def run(log: str) -> tuple[FeatureStore, list[int]]:
        encoder = cast("Encoder", TinyEncoder(tmp_path / log))
        hashes = HashCache(tmp_path / "hashes.json")
        store = extract_features(moved, encoder, tmp_path / "store", hashes=hashes, progress=False)
        hashes.save()
        return store, encoded(tmp_path / log)

    assert run("first")[1] == GOOD
    assert run("second")[1] == []
    shutil.copy(photos[1][1], moved[7][1])  # was no photo
    shutil.copy(photos[2][1], moved[9][1])  # was another one
    moved[11][1].write_text("no photo any more")
    store, seen = run("third")
    assert seen == [1, 2]
    for row, other in ((7, 1), (9, 2)):
        assert (store.features[row] == whole.store.features[other]).all()
    assert sorted(store.faults) == [name_of(11), name_of(40)]
    assert name_of(11) not in store
    moved[12][1].unlink()  # gone, but done: the store can be used without its photo
    assert run("fourth")[1] == []


# --- kill -9 ---

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from test_store import extract, name_of, PHOTOS
photos, store, log, where = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
flush = np.memmap.flush
def die(self):  # the rows are written, their progress lines are not
    flush(self)
    os.kill(os.getpid(), signal.SIGKILL)
if where == "before the progress":
    np.memmap.flush = die
if where == "before the manifest":
    os.replace = Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
extract([(name_of(n), photos / name_of(n)) for n in range(PHOTOS)], store, log, 2 if where == "encoder" else 0)
"""


@pytest.mark.parametrize(
    ("where", "saved"), [("encoder", BATCH_SIZE), ("before the progress", 0), ("before the manifest", 0)]
)
def test_extraction_resumes_after_a_kill(photos: Named, whole: Whole, tmp_path: Path, where: str, saved: int) -> None:
    folder, log = tmp_path / "store", tmp_path / "log"
    tests = Path(__file__).parent
    arguments = [str(photos[0][1].parent), str(folder), str(log), where]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])}
    done = subprocess.run([sys.executable, "-W", "error", "-c", KILLED, *arguments], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    before = finished(folder)
    assert len(before) == saved
    log.unlink(missing_ok=True)
    store = extract(photos, folder, log)
    assert sorted(encoded(log)) == [number for number in GOOD if number not in before]
    assert (folder / "features.f16").read_bytes() == (whole.folder / "features.f16").read_bytes()
    assert finished(folder) == set(range(PHOTOS))
    assert store.faults == whole.store.faults
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".part") == [
        "features.f16",
        "progress.jsonl",
        "store.json",
    ]


@pytest.mark.parametrize("cut", ['{"row": 1', '{"row": 1, "error": "K', "{", '{"row": 1}'])
def test_a_last_line_that_is_half_written(photos: Named, whole: Whole, tmp_path: Path, cut: str) -> None:
    folder = tmp_path / "store"
    shutil.copytree(whole.folder, folder)
    (folder / "progress.jsonl").write_text('{"row": 0}\n' + cut)
    assert finished_rows(folder) == ([0, 1] if cut.endswith("}") else [0])
    extract(photos, folder, tmp_path / "log")
    redone = encoded(tmp_path / "log")
    assert sorted(redone) == [number for number in GOOD if number > (1 if cut.endswith("}") else 0)]
    assert finished_rows(folder) == GOOD
    # the half line is closed, and the next one stands by itself
    assert '"row": 0}\n' + cut + "\n{" in (folder / "progress.jsonl").read_text()


def test_a_last_line_that_ends_inside_a_letter(photos: Named, whole: Whole, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(whole.folder, folder)
    (folder / "progress.jsonl").write_bytes('{"row": 0}\n{"row": 1, "error": "Köln'.encode()[:-3])
    assert finished_rows(folder) == [0]
    extract(photos, folder, tmp_path / "log")
    assert finished_rows(folder) == GOOD


def finished_rows(folder: Path) -> list[int]:
    store = FeatureStore(folder)
    return [int(row) for row in store.rows(name for name in store.names if name in store)]


def test_lines_of_rows_that_do_not_exist_are_no_rows(whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "store")
    lines = ['{"row": 0}', '{"row": 5000}', '{"row": "1"}', '{"row": null}', "[]", "3", "{}", "\0\0\0"]
    (tmp_path / "store" / "progress.jsonl").write_text("\n".join(lines) + "\n")
    assert finished_rows(tmp_path / "store") == [0]


def test_reasons_with_odd_letters_come_back_whole(tmp_path: Path) -> None:
    reason = "K\u00f6ln\u2028\x85\n\U0001f415.jpg: no such file"
    writer = StoreWriter(tmp_path / "store", ["a", "b"], (1, 1), encoder="tiny")
    writer.write({1: np.ones((1, 1))}, {0: reason})
    assert FeatureStore(tmp_path / "store").faults == {"a": reason}
    again = StoreWriter(tmp_path / "store", ["a", "b"], (1, 1), encoder="tiny")
    assert again.todo == [0]  # perhaps it can be read by now
    before = (tmp_path / "store" / "progress.jsonl").read_bytes()
    again.write({}, {0: reason})
    assert (tmp_path / "store" / "progress.jsonl").read_bytes() == before


# --- reading ---


def test_rows_and_read_follow_the_names(whole: Whole) -> None:
    names = [name_of(number) for number in (60, 3, 60, 0)]
    assert whole.store.rows(names).tolist() == [60, 3, 60, 0]
    assert whole.store.rows(names).dtype == np.int64
    assert whole.store.read(iter(names)).shape == (4, 4, 6)
    assert whole.store.read(names)[:, 1, 0].tolist() == [60, 3, 60, 0]
    assert whole.store.read([]).shape == (0, 4, 6)


def test_photos_without_features_are_counted_and_the_first_explained(whole: Whole, tmp_path: Path) -> None:
    with pytest.raises(FeatureStoreError, match=r"2 photos have no features, first 007\.png: .*not an image"):
        whole.store.read([name_of(0), name_of(7), name_of(40)])
    writer = StoreWriter(tmp_path / "store", ["a", "b"], (1, 1), encoder="tiny")
    writer.write({0: np.ones((1, 1))}, {})
    with pytest.raises(FeatureStoreError, match="1 photos have no features, first b: not extracted yet: run `polycap"):
        FeatureStore(tmp_path / "store").rows(["a", "b"])


def test_a_store_is_read_only(whole: Whole) -> None:
    with pytest.raises(ValueError, match="read-only"):
        whole.store.features[0] = 1


def test_features_of_another_encoder_or_pca_are_refused(whole: Whole) -> None:
    whole.store.require("tiny", None)
    with pytest.raises(FeatureStoreError, match="features of encoder tiny, but other is needed"):
        whole.store.require("other", None)
    with pytest.raises(FeatureStoreError, match="features of PCA None, but abc is needed"):
        whole.store.require("tiny", "abc")


# --- stores that don't fit, or are broken ---

MADE: dict[str, Any] = {
    "names": ["a", "b"],
    "shape": (4, 6),
    "encoder": "tiny",
    "precision": "f32",
    "pca": "abc",
    "mirrored": False,
}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"names": ["a", "c"]}, "other photos"),
        ({"names": ["b", "a"]}, "other photos"),
        ({"names": ["a"]}, "other photos"),
        ({"encoder": "new"}, "encoder tiny, not new"),
        ({"precision": "bf16"}, "precision f32, not bf16"),
        ({"pca": None}, "pca abc, not None"),
        ({"mirrored": True}, "mirrored False, not True"),
        ({"shape": (4, 7)}, r"shape \[4, 6\], not \[4, 7\]"),
    ],
)
def test_a_store_of_something_else_is_refused(tmp_path: Path, other: dict[str, Any], reason: str) -> None:
    StoreWriter(tmp_path, **MADE).write({0: np.ones((4, 6))}, {})
    before = [(tmp_path / name).read_bytes() for name in ("features.f16", "store.json", "progress.jsonl")]
    with pytest.raises(FeatureStoreError, match=f"holds features of {reason}; choose another folder or delete"):
        StoreWriter(tmp_path, **(MADE | other))
    assert before == [(tmp_path / name).read_bytes() for name in ("features.f16", "store.json", "progress.jsonl")]


def test_a_store_that_does_not_say_its_precision_is_gone_on_with(tmp_path: Path) -> None:
    StoreWriter(tmp_path, **MADE).write({0: np.ones((4, 6))}, {})
    manifest = json.loads((tmp_path / "store.json").read_text())
    assert manifest.pop("precision") == "f32"
    (tmp_path / "store.json").write_text(json.dumps(manifest))
    assert StoreWriter(tmp_path, **(MADE | {"precision": "bf16"})).todo == [1]
    assert FeatureStore(tmp_path).precision is None


@pytest.mark.parametrize("size", [0, 95, 97])
def test_features_of_another_size_are_an_error(tmp_path: Path, size: int) -> None:
    StoreWriter(tmp_path, **MADE)
    with (tmp_path / "features.f16").open("r+b") as stream:
        stream.truncate(size)
    for open_store in (lambda: FeatureStore(tmp_path), lambda: StoreWriter(tmp_path, **MADE)):
        with pytest.raises(FeatureStoreError, match=rf"features\.f16: {size} bytes; expected 96\. Delete "):
            open_store()


def test_features_that_are_gone_are_an_error(tmp_path: Path) -> None:
    StoreWriter(tmp_path, **MADE)
    (tmp_path / "features.f16").unlink()
    with pytest.raises(FeatureStoreError, match="0 bytes; expected 96"):
        FeatureStore(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (None, "no feature store here; make one with `polycap features`"),
        ("", "is not JSON"),
        ("[]", "holds a list"),
        ("{}", "schema None; expected 1"),
        ('{"schema": 2}', "schema 2; expected 1"),
        ('{"schema": 1, "names": ["a"]}', "has no encoder, mirrored, pca, shape"),
    ],
)
def test_a_broken_manifest_is_one_line(tmp_path: Path, manifest: str | None, reason: str) -> None:
    StoreWriter(tmp_path, **MADE)
    (tmp_path / "store.json").unlink()
    if manifest is not None:
        (tmp_path / "store.json").write_text(manifest)
    with pytest.raises(FeatureStoreError, match=reason) as caught:
        FeatureStore(tmp_path)
    assert "\n" not in str(caught.value)


def test_no_photos_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FeatureStoreError, match="no photos to make features of"):
        extract([], tmp_path / "store", tmp_path / "log")


def test_a_disk_that_is_too_full_is_told_before_the_first_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # else the kernel kills us when a page of the map finds no block
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 5, 95))
    with pytest.raises(FeatureStoreError, match="needs 96 bytes, but 95 are free"):
        StoreWriter(tmp_path / "store", **MADE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 4, 96))
    assert StoreWriter(tmp_path / "store", **MADE).todo == [0, 1]
