"""Tests of polycap/features/store.py: resumption after `kill -9`, and broken stores."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extraction import GOOD, Named, Whole, encoded, extract, name_of
from polycap.errors import FeatureStoreError
from polycap.features.store import FeatureStore, StoreWriter
from polycap.files import sha256_file


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
    assert again.missing == [0]  # perhaps it can be read by now
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
    assert StoreWriter(tmp_path, **(MADE | {"precision": "bf16"})).missing == [1]
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
    assert StoreWriter(tmp_path / "store", **MADE).missing == [0, 1]


def test_photos_that_were_replaced_are_named(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg", "gone.jpg")}
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        paths[name].write_bytes(name.encode())
    hashes = [sha256_file(paths["a.jpg"]), sha256_file(paths["b.jpg"]), None, "0" * 64]
    writer = StoreWriter(tmp_path / "store", list(paths), (1, 1), encoder="tiny", contents=hashes)
    writer.write({row: np.ones((1, 1)) for row in range(4)}, {})
    store = FeatureStore(tmp_path / "store")
    assert store.replaced(paths) == []
    paths["b.jpg"].write_bytes(b"another photo")
    assert store.replaced(paths) == ["b.jpg"]


@pytest.mark.parametrize("resumed", [False, True], ids=["a new store", "an early version's, sparse"])
def test_a_store_takes_its_space_before_the_first_photo(tmp_path: Path, resumed: bool) -> None:
    """What another program takes of the disk afterwards can't kill it."""
    features = tmp_path / "store" / "features.f16"
    large = {**MADE, "shape": (100, 1000)}
    StoreWriter(tmp_path / "store", **large)
    size = features.stat().st_size
    if resumed:
        features.unlink()
        with features.open("wb") as stream:
            stream.truncate(size)
        StoreWriter(tmp_path / "store", **large)
    assert features.stat().st_size == size == 2 * 100 * 1000 * 2
    assert features.stat().st_blocks * 512 >= size


@pytest.mark.parametrize("name", ["EOPNOTSUPP", "ENOSYS", "EINVAL"])
def test_a_file_system_that_can_take_no_space_has_a_sparse_store(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", failing(getattr(errno, name)))
    assert StoreWriter(tmp_path / "store", **MADE).missing == [0, 1]


def test_a_disk_that_was_filled_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", failing(errno.ENOSPC))
    with pytest.raises(FeatureStoreError, match=r"needs 96 bytes, .*No space left on device.*choose another disk"):
        StoreWriter(tmp_path / "store", **MADE)


def failing(number: int) -> Any:
    def fail(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    return fail
