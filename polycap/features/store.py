"""Features of many photos on disk: memory-mapped, float16, resumable.

A store is a folder::

    store.json       what it holds: names in row order, shape, encoder and its precision, PCA, mirrored or not
    features.f16     (photos, cells, channels) float16, row-major
    progress.jsonl   a line per finished photo: {"row": 3, "sha256": "…"} or {"row": 4, "error": "…"}; append-only,
                     the last line of a row counts

The photo's row is written before its progress line, so a run that was killed redoes at most one batch. A photo that
could not be read is tried again by the next run, and one whose file is another by then is encoded again.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polycap.errors import FeatureStoreError
from polycap.files import make_folder, read_json, write_json
from polycap.files.hashes import UNREADABLE

__all__ = ["STORE_JSON", "FeatureStore", "StoreWriter", "require_precision"]

SCHEMA = 1
FEATURES, STORE_JSON, PROGRESS = "features.f16", "store.json", "progress.jsonl"


class FeatureStore:
    """Feature store, finished or not, opened for reading.

    Attributes:
        folder: folder of the store.
        manifest: content of `store.json`.
        names: names of the photos, in row order.
        features: `(photos, cells, channels) float16`, memory-mapped, read-only.
        encoder: identity of the encoder.
        precision: precision of the encoder, such as bf16; None in stores of early versions.
        pca: identity of the PCA that reduced the features; None for unreduced ones.
        mirrored: whether the photos were flipped horizontally.
        faults: messages of photos that can't be read, by name.
        contents: SHA-256 of the photo files, by row; None in stores of early versions.
    """

    def __init__(self, folder: Path) -> None:
        """Open the store in `folder`.

        Raises:
            FeatureStoreError: there is none, or it is truncated.
        """
        if not (folder / STORE_JSON).is_file():
            raise FeatureStoreError(f"{folder}: no feature store here; make one with `polycap features`")
        manifest = read_json(folder / STORE_JSON, FeatureStoreError)
        if manifest.get("schema") != SCHEMA:
            raise FeatureStoreError(f"{folder}: feature store of schema {manifest.get('schema')}; expected {SCHEMA}")
        missing = {"names", "shape", "encoder", "pca", "mirrored"} - manifest.keys()
        if missing:
            raise FeatureStoreError(f"{folder / STORE_JSON}: has no {', '.join(sorted(missing))}; extract again")
        self.folder = folder
        self.manifest = manifest
        self.names: list[str] = manifest["names"]
        self.encoder: str = manifest["encoder"]
        self.precision: str | None = manifest.get("precision")
        self.pca: str | None = manifest["pca"]
        self.mirrored: bool = manifest["mirrored"]
        self.features = _map(folder, manifest, "r")
        progress = _read_progress(folder, self.names)
        self.faults, self.contents = progress.faults, progress.done
        self._rows = {self.names[row]: row for row in progress.done}

    @property
    def shape(self) -> tuple[int, int]:
        """Cells and channels."""
        cells, channels = self.manifest["shape"]
        return cells, channels

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def rows(self, names: Iterable[str]) -> NDArray[np.int64]:
        """The rows of these photos, `(n,) int64`.

        Raises:
            FeatureStoreError: a photo has no features, with the reason where it is known.
        """
        wanted = list(names)
        missing = [name for name in wanted if name not in self._rows]
        if missing:
            reason = self.faults.get(missing[0], "not extracted yet: run `polycap features` again")
            raise FeatureStoreError(
                f"{self.folder}: {len(missing)} photos have no features, first {missing[0]}: {reason}"
            )
        return np.array([self._rows[name] for name in wanted], dtype=np.int64)

    def read(self, names: Iterable[str]) -> NDArray[np.float16]:
        """The features of these photos, `(n, cells, channels) float16`."""
        return np.asarray(self.features[self.rows(names)])

    def require(self, encoder: str, pca: str | None) -> None:
        """Check that the features are those that a decoder was trained for.

        Raises:
            FeatureStoreError: another encoder or another PCA made them.
        """
        for what, received, expected in (("encoder", self.encoder, encoder), ("PCA", self.pca, pca)):
            if received != expected:
                raise FeatureStoreError(
                    f"{self.folder}: features of {what} {received}, but {expected} is needed; "
                    "extract them again with `polycap features`"
                )


class StoreWriter:
    """Fills a store; opened on an unfinished one, it goes on where that stopped."""

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        shape: tuple[int, int],
        *,
        encoder: str,
        precision: str | None = None,
        pca: str | None = None,
        mirrored: bool = False,
        contents: Sequence[str | None] = (),
    ) -> None:
        """Make the store, or open it to go on.

        `contents` are the SHA-256 of the photos' files, in row order; without them no photo is found to have changed.

        Attributes:
            todo: the rows that have no features, or those of another file.

        Raises:
            FeatureStoreError: the folder holds a store of other photos, of another encoder, precision, PCA or kind;
                there are no photos; or the disk is too full.
        """
        if not names:
            raise FeatureStoreError(f"{folder}: no photos to make features of")
        manifest: dict[str, Any] = {
            "schema": SCHEMA,
            "encoder": encoder,
            "precision": precision,
            "pca": pca,
            "mirrored": mirrored,
            "shape": list(shape),
            "names": list(names),
        }
        make_folder(folder)
        if (folder / STORE_JSON).is_file():
            _require_same(folder, read_json(folder / STORE_JSON, FeatureStoreError), manifest)
        else:
            (folder / PROGRESS).unlink(missing_ok=True)
            _reserve(folder / FEATURES, len(names) * shape[0] * shape[1] * 2)
            write_json(folder / STORE_JSON, manifest)
        self.folder = folder
        self.names = list(names)
        self._features = _map(folder, manifest, "r+")
        self._contents = contents or [None] * len(names)
        self._before = _read_progress(folder, self.names)
        self.todo = [row for row, content in enumerate(self._contents) if not self._before.has(row, content)]
        _end_last_line(folder / PROGRESS)

    def write(self, features: Mapping[int, NDArray[Any]], faults: Mapping[int, str]) -> None:
        """Store rows, `{row: (cells, channels)}`, and the reasons for rows that have none; those known are not news."""
        for row, values in features.items():
            self._features[row] = values
        self._features.flush()
        contents = {row: self._contents[row] for row in features}
        lines = [json.dumps({"row": row} | ({"sha256": value} if value else {})) for row, value in contents.items()]
        news = {row: reason for row, reason in faults.items() if self._before.faults.get(self.names[row]) != reason}
        lines += [json.dumps({"row": row, "error": reason}) for row, reason in news.items()]
        with (self.folder / PROGRESS).open("a", encoding="utf-8") as stream:
            stream.write("".join(f"{line}\n" for line in lines))


def _reserve(path: Path, size: int) -> None:
    """Make the file, whose blocks the disk gives as they are written: a full one would kill us without a word."""
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise FeatureStoreError(f"{path}: needs {size:,} bytes, but {free:,} are free; choose another disk")
    with path.open("wb") as stream:
        stream.truncate(size)


def _map(folder: Path, manifest: Mapping[str, Any], mode: Any) -> np.memmap[Any, np.dtype[np.float16]]:
    shape = (len(manifest["names"]), *manifest["shape"])
    path = folder / FEATURES
    expected = int(np.prod(shape)) * 2
    size = path.stat().st_size if path.is_file() else 0
    if size != expected:
        raise FeatureStoreError(f"{path}: {size:,} bytes; expected {expected:,}. Delete {folder} and extract again")
    return np.memmap(path, dtype=np.float16, mode=mode, shape=shape)


@dataclass
class _Progress:
    """What a store has: rows done, with the SHA-256 of their files where it is known, and photos' faults, by name."""

    done: dict[int, str | None] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def has(self, row: int, content: str | None) -> bool:
        """Whether the row is done, of this content as far as one can tell: a file that is gone has not changed."""
        before = self.done.get(row)
        return row in self.done and (before is None or content in (None, UNREADABLE, before))


def _read_progress(folder: Path, names: Sequence[str]) -> _Progress:
    progress = _Progress()
    path = folder / PROGRESS
    if path.is_file():
        # bytes that are not UTF-8, or no JSON: the last line of a run that was killed while writing it
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                entry = json.loads(line)
                row, name = entry["row"], names[entry["row"]]
            except (ValueError, LookupError, TypeError):
                continue
            progress.done.pop(row, None)
            progress.faults.pop(name, None)
            if "error" in entry:
                progress.faults[name] = entry["error"]
            else:
                progress.done[row] = entry.get("sha256")
    return progress


def _end_last_line(path: Path) -> None:
    """Close a line that a killed run left open, so that the next one stands by itself."""
    if path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n"):
        with path.open("ab") as stream:
            stream.write(b"\n")


def require_precision(folder: Path, made: str | None, wanted: str | None) -> None:
    """Keep features of several precisions apart; where polycap did not yet say theirs, any will do.

    Raises:
        FeatureStoreError: they are of another one.
    """
    if made and wanted and made != wanted:
        raise FeatureStoreError(
            f"{folder}: holds features of precision {made}, not {wanted}; choose another folder or delete this "
            f"one, or continue with `precision` {made}"
        )


def _require_same(folder: Path, received: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for key, value in expected.items():
        if key == "precision":
            require_precision(folder, received.get(key), value)
            continue
        if received.get(key) != value:
            detail = "other photos" if key == "names" else f"{key} {received.get(key)}, not {value}"
            raise FeatureStoreError(f"{folder}: holds features of {detail}; choose another folder or delete this one")
