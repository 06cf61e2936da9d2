"""Tests of polycap/features/distribution.py."""

from pathlib import Path

import numpy as np
import pytest

from polycap.errors import FeatureStoreError
from polycap.features.distribution import photo_distribution
from tiny import make_store


def test_mean_and_covariance_of_mean_cells(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", ["a", "b", "c", "d"])
    mean, covariance = photo_distribution(store, ["d", "a", "b"])
    pooled = store.read(["a", "b", "d"]).astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(mean, pooled.mean(axis=0), rtol=1e-3, atol=1e-4)
    centred = pooled - pooled.mean(axis=0)
    np.testing.assert_allclose(covariance, centred.T @ centred / 2, rtol=1e-2, atol=1e-4)
    assert mean.dtype == covariance.dtype == np.float32


def test_one_photo_has_no_covariance(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", ["a"])
    with pytest.raises(FeatureStoreError, match="a covariance of 1 photos; give two or more"):
        photo_distribution(store, ["a"])
