"""Feature store: features of many photos on disk, memory-mapped, float16, resumable.

A store is a folder::

    store.json       names in row order, shape, identities of encoder and PCA, precision, mirrored or not
    features.f16     (photos, cells, channels) float16, row-major
    progress.jsonl   a line per finished photo: {"row": 3, "sha256": "…"} or {"row": 4, "error": "…"}; append-only,
                     the last line of a row is valid

A photo's row is written before its progress line, so a killed run repeats at most one batch. The next run tries again
to read photos with errors, and encodes photos again whose files have changed.
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
from polycap.files import make_folder, parse_json, read_json, write_json
from polycap.files.hashes import UNREADABLE, sha256_file
from polycap.files.space import allocate
from polycap.files.strangers import OWN_JSON_BYTES

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
            FeatureStoreError: there is no store, or it is broken.
        """
        if not (folder / STORE_JSON).is_file():
            raise FeatureStoreError(f"{folder}: no feature store here; make one with `polycap features`")
        manifest = read_json(folder / STORE_JSON, FeatureStoreError, most_bytes=OWN_JSON_BYTES)
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
        self.faults, self.contents = progress.faults, progress.finished
        self._rows = {self.names[row]: row for row in progress.finished}

    @property
    def shape(self) -> tuple[int, int]:
        """Number of cells and of channels."""
        cells, channels = self.manifest["shape"]
        return cells, channels

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def rows(self, names: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows of photos, `(photos,) int64`.

        Raises:
            FeatureStoreError: a photo has no features; the message has its fault.
        """
        requested = list(names)
        missing = [name for name in requested if name not in self._rows]
        if missing:
            reason = self.faults.get(missing[0], "not extracted yet: run `polycap features` again")
            raise FeatureStoreError(
                f"{self.folder}: {len(missing)} photos have no features, first {missing[0]}: {reason}"
            )
        return np.array([self._rows[name] for name in requested], dtype=np.int64)

    def read(self, names: Iterable[str]) -> NDArray[np.float16]:
        """Return the features of photos, `(photos, cells, channels) float16`."""
        return np.asarray(self.features[self.rows(names)])

    def replaced(self, paths: Mapping[str, Path]) -> list[str]:
        """Return the names of photos whose files are not those that the features were made of.

        Args:
            paths: files by name; one that can't be read, or that the store has no hash of, is passed over.
        """
        hashes = {
            self.names[row]: content for row, content in self.contents.items() if content not in (None, UNREADABLE)
        }
        files = ((name, path) for name, path in paths.items() if name in hashes and path.is_file())
        return [name for name, path in files if sha256_file(path) != hashes[name]]

    def require(self, encoder: str, pca: str | None) -> None:
        """Check that the features are those that a decoder was trained on.

        Args:
            encoder: identity of the decoder's encoder.
            pca: identity of the decoder's PCA; None without one.

        Raises:
            FeatureStoreError: the features are of another encoder or PCA.
        """
        for part, received, expected in (("encoder", self.encoder, encoder), ("PCA", self.pca, pca)):
            if received != expected:
                raise FeatureStoreError(
                    f"{self.folder}: features of {part} {received}, but {expected} is needed; "
                    "make them anew with `polycap features`"
                )


class StoreWriter:
    """Writer of a feature store; an unfinished store is resumed.

    Attributes:
        folder: folder of the store.
        names: names of the photos, in row order.
        missing: rows without features, or whose files have changed since.
    """

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
        """Create the store, or open an unfinished one.

        Args:
            folder: folder of the store.
            names: names of the photos, in row order.
            shape: number of cells and of channels.
            encoder: identity of the encoder.
            precision: precision of the encoder. (default: unknown)
            pca: identity of the PCA. (default: none)
            mirrored: whether the photos are flipped horizontally. (default: False)
            contents: SHA-256 of the photo files, in row order. (default: changed files are not noticed)

        Raises:
            FeatureStoreError: the folder has a store of other photos, of another encoder, precision, PCA or view;
                there are no photos; or the disk has too little space.
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
            _check_same(folder, read_json(folder / STORE_JSON, FeatureStoreError, most_bytes=OWN_JSON_BYTES), manifest)
        else:
            (folder / PROGRESS).unlink(missing_ok=True)
            _reserve(folder / FEATURES, len(names) * shape[0] * shape[1] * 2)
            write_json(folder / STORE_JSON, manifest)
        self.folder = folder
        self.names = list(names)
        self._features = _map(folder, manifest, "r+")  # which checks the size
        self._contents = contents or [None] * len(names)
        self._earlier = _read_progress(folder, self.names)
        self.missing = [row for row, content in enumerate(self._contents) if not self._earlier.has(row, content)]
        if self.missing:  # a store of an early version may be sparse
            _allocate(folder / FEATURES, self._features.nbytes)
        _end_last_line(folder / PROGRESS)

    def write(self, features: Mapping[int, NDArray[Any]], faults: Mapping[int, str]) -> None:
        """Write features and faults.

        Args:
            features: `(cells, channels)`, by row.
            faults: messages of photos that can't be read, by row; those in the store already are not written again.
        """
        for row, values in features.items():
            self._features[row] = values
        self._features.flush()
        contents = {row: self._contents[row] for row in features}
        lines = [json.dumps({"row": row} | ({"sha256": value} if value else {})) for row, value in contents.items()]
        new_faults = {
            row: reason for row, reason in faults.items() if self._earlier.faults.get(self.names[row]) != reason
        }
        lines += [json.dumps({"row": row, "error": reason}) for row, reason in new_faults.items()]
        with (self.folder / PROGRESS).open("a", encoding="utf-8") as stream:
            stream.write("".join(f"{line}\n" for line in lines))


def _reserve(path: Path, size: int) -> None:
    """Create a file of this size, with its space; first check that there is enough."""
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise FeatureStoreError(f"{path}: needs {size:,} bytes, but {free:,} are free; choose another disk")
    with path.open("wb") as stream:
        stream.truncate(size)
    _allocate(path, size)


def _allocate(path: Path, size: int) -> None:
    """Take the space of the features.

    Raises:
        FeatureStoreError: the disk is full.
    """
    try:
        allocate(path, size)
    except OSError as error:
        reason = f"{path}: needs {size:,} bytes, which can't be taken ({error.strerror})"
        raise FeatureStoreError(f"{reason}; choose another disk") from error


def _map(folder: Path, manifest: Mapping[str, Any], mode: Any) -> np.memmap[Any, np.dtype[np.float16]]:
    """Map the features of a store into memory, after checking the file's size."""
    shape = (len(manifest["names"]), *manifest["shape"])
    path = folder / FEATURES
    expected = int(np.prod(shape)) * 2
    size = path.stat().st_size if path.is_file() else 0
    if size != expected:
        raise FeatureStoreError(f"{path}: {size:,} bytes; expected {expected:,}. Delete {folder} and extract again")
    return np.memmap(path, dtype=np.float16, mode=mode, shape=shape)


@dataclass
class _Progress:
    """Progress of a store.

    Attributes:
        finished: SHA-256 of the photo files of finished rows, by row; None if unknown.
        faults: messages of photos that can't be read, by name.
    """

    finished: dict[int, str | None] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def has(self, row: int, content: str | None) -> bool:
        """Return whether a row is finished and its file the same, as an unknown or unreadable file is assumed to be."""
        earlier = self.finished.get(row)
        return row in self.finished and (earlier is None or content in (None, UNREADABLE, earlier))


def _read_progress(folder: Path, names: Sequence[str]) -> _Progress:
    """Read the progress of a store; lines that can't be read are skipped."""
    progress = _Progress()
    path = folder / PROGRESS
    if path.is_file():
        # a killed run may leave a last line that is no UTF-8 or no JSON
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                entry = parse_json(line)
                row, name = entry["row"], names[entry["row"]]
            except (ValueError, LookupError, TypeError):
                continue
            progress.finished.pop(row, None)
            progress.faults.pop(name, None)
            if "error" in entry:
                progress.faults[name] = entry["error"]
            else:
                progress.finished[row] = entry.get("sha256")
    return progress


def _end_last_line(path: Path) -> None:
    """End the last line, which a killed run may have left open."""
    if path.is_file() and path.stat().st_size and not path.read_bytes().endswith(b"\n"):
        with path.open("ab") as stream:
            stream.write(b"\n")


def require_precision(folder: Path, received: str | None, expected: str | None) -> None:
    """Check the precision of a store; None is unknown, and fits every precision.

    Raises:
        FeatureStoreError: the store is of another precision.
    """
    if received and expected and received != expected:
        raise FeatureStoreError(
            f"{folder}: holds features of precision {received}, not {expected}; choose another folder or delete this "
            f"one, or continue with `precision` {received}"
        )


def _check_same(folder: Path, received: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Check that a store's manifest is the expected one."""
    for key, value in expected.items():
        if key == "precision":
            require_precision(folder, received.get(key), value)
            continue
        if received.get(key) != value:
            detail = "other photos" if key == "names" else f"{key} {received.get(key)}, not {value}"
            raise FeatureStoreError(f"{folder}: holds features of {detail}; choose another folder or delete this one")
