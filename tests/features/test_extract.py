"""Tests of polycap/features/extract.py."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from extraction import GOOD, PHOTOS, Named, TinyEncoder, Whole, encoded, extract, name_of
from polycap.errors import FeatureStoreError
from polycap.features.extract import extract_features
from polycap.features.store import FeatureStore
from polycap.files.hashes import HashCache
from polycap.photos.batches import BATCH_SIZE

if TYPE_CHECKING:
    from polycap.encoder.encoder import Encoder

# --- kill -9 ---

KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from extraction import extract, name_of, PHOTOS
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


def finished(folder: Path) -> set[int]:
    lines = (folder / "progress.jsonl").read_text().splitlines() if (folder / "progress.jsonl").exists() else []
    return {json.loads(line)["row"] for line in lines}


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


def test_missing_photos_are_an_error_at_the_end_and_no_faults(photos: Named, whole: Whole, tmp_path: Path) -> None:
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


def test_replaced_or_repaired_photos_are_encoded_again(photos: Named, whole: Whole, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("where", "saved"), [("encoder", BATCH_SIZE), ("before the progress", 0), ("before the manifest", 0)]
)
def test_extraction_resumes_after_a_kill(photos: Named, whole: Whole, tmp_path: Path, where: str, saved: int) -> None:
    folder, log = tmp_path / "store", tmp_path / "log"
    tests = Path(__file__).parent.parent
    arguments = [str(photos[0][1].parent), str(folder), str(log), where]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests / "support")])}
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
