"""Tests of polycap/features/reduce.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.encoder.pca import FeaturePCA
from polycap.errors import FeatureStoreError
from polycap.features.reduce import fit_pca, reduce_store
from polycap.features.store import FeatureStore, StoreWriter
from stores import CELLS, CHANNELS, make_store


def test_few_photos_give_more_cells_each(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    assert fit_pca(store, store.names[:2], 12, cells_per_photo=1).components == 12


def test_reduced_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path / "full", photos=150)
    pca = fit_pca(store, store.names, 4)
    reduced = reduce_store(store, pca, tmp_path / "reduced", progress=False)
    assert (reduced.shape, reduced.pca, reduced.encoder) == ((CELLS, 4), pca.identity, store.encoder)
    assert reduced.names == store.names
    expected = pca(store.features)
    assert np.abs(reduced.read(reduced.names) - expected).max() < 0.01
    monkeypatch.setattr(FeaturePCA, "__call__", None)  # nothing left to compute
    reduce_store(store, pca, tmp_path / "reduced", progress=False)
    with pytest.raises(FeatureStoreError, match=f"is reduced already .PCA {pca.identity}"):
        reduce_store(reduced, pca, tmp_path / "twice", progress=False)


def test_reduction_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path / "full", photos=150)
    pca = fit_pca(store, store.names, 4)
    whole = reduce_store(store, pca, tmp_path / "whole", progress=False)
    write = StoreWriter.write
    seen: list[int] = []

    def stop(self: StoreWriter, features: Any, faults: Any) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.extend(features)
        write(self, features, faults)

    monkeypatch.setattr(StoreWriter, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        reduce_store(store, pca, tmp_path / "reduced", progress=False)
    monkeypatch.setattr(StoreWriter, "write", write)
    assert len(FeatureStore(tmp_path / "reduced").rows(store.names[:64])) == len(seen) == 64
    resumed = reduce_store(store, pca, tmp_path / "reduced", progress=False)
    assert (resumed.features == whole.features).all()


def test_faults_stay_faults_when_reduced_and_gaps_are_refused(tmp_path: Path) -> None:
    make_store(tmp_path / "store", photos=4)
    progress = tmp_path / "store" / "progress.jsonl"
    progress.write_text('{"row": 0}\n{"row": 1, "error": "no photo"}\n{"row": 3}\n')
    pca = FeaturePCA(np.zeros(CHANNELS, np.float32), np.eye(CHANNELS, 4, dtype=np.float32), 1.0)
    with pytest.raises(FeatureStoreError, match=r"1 photos have no features, first 2\.jpg: not extracted yet"):
        reduce_store(FeatureStore(tmp_path / "store"), pca, tmp_path / "reduced", progress=False)
    progress.write_text(progress.read_text() + '{"row": 2}\n')
    reduced = reduce_store(FeatureStore(tmp_path / "store"), pca, tmp_path / "reduced", progress=False)
    assert reduced.faults == {"1.jpg": "no photo"}
    assert [name in reduced for name in reduced.names] == [True, False, True, True]
