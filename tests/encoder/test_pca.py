"""Tests of polycap/encoder/pca.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from polycap.encoder.pca import FeaturePCA
from polycap.errors import FeatureStoreError
from polycap.features.reduce import fit_pca
from polycap.features.store import FeatureStore, StoreWriter
from stores import CELLS, CHANNELS, make_store


def all_cells(store: FeatureStore) -> NDArray[np.float32]:
    return np.asarray(store.features, dtype=np.float32).reshape(-1, store.shape[1])


def test_pca_is_the_singular_value_decomposition_up_to_one_scale(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    pca = fit_pca(store, store.names, 4)  # 10 cells a photo: all of them
    centred = all_cells(store).astype(np.float64)
    centred -= centred.mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:4].T
    received = pca(all_cells(store))
    assert received.dtype == np.float32
    ratio = (received * expected).sum(0) / (expected**2).sum(0)
    assert np.abs(np.abs(ratio) / np.abs(ratio[0]) - 1).max() < 0.01  # an axis may point the other way
    assert np.abs(received - expected * ratio).max() < 0.02
    assert pca.variance == pytest.approx((singular[:4] ** 2).sum() / (singular**2).sum(), abs=1e-4)
    assert pca.components == 4


def test_the_largest_number_of_an_axis_is_positive(tmp_path: Path) -> None:
    """A decoder that begins with another's weights takes its PCA; two fits on the same cells are the same one."""
    store = make_store(tmp_path)
    one, other = (fit_pca(store, store.names, 4) for _ in range(2))
    assert one.identity == other.identity
    largest = np.abs(one.basis).argmax(axis=0)
    assert (one.basis[largest, range(4)] > 0).all()


def test_pca_gives_mean_0_and_mean_square_1(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    received = fit_pca(store, store.names, 6)(all_cells(store))
    assert np.abs(received.mean(0)).max() < 0.02
    assert (received**2).mean() == pytest.approx(1, abs=0.02)
    variances = received.var(0)
    assert (np.diff(variances) < 0).all()  # one common scale: the first component keeps most


def test_pca_takes_any_leading_shape(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    pca = fit_pca(store, store.names, 4)
    whole = pca(store.features)
    assert whole.shape == (40, CELLS, 4)
    assert np.allclose(whole[3, 5], pca(store.features[3, 5]), atol=1e-5)
    assert pca(store.features[:0]).shape == (0, CELLS, 4)


def test_pca_sees_the_named_photos_only(tmp_path: Path) -> None:
    one, other = make_store(tmp_path / "one"), make_store(tmp_path / "other", seed=1)
    mixed = StoreWriter(tmp_path / "mixed", [f"{n}.jpg" for n in range(80)], (CELLS, CHANNELS), encoder="tiny")
    mixed.write(dict(enumerate([*one.features, *other.features])), {})
    store = FeatureStore(tmp_path / "mixed")
    assert fit_pca(store, one.names, 4).identity == fit_pca(one, one.names, 4).identity
    assert fit_pca(store, store.names, 4).identity != fit_pca(one, one.names, 4).identity


def test_pca_with_few_cells_depends_on_the_seed_alone(tmp_path: Path) -> None:
    store = make_store(tmp_path)

    def identity(seed: int) -> str:
        return fit_pca(store, store.names, 4, cells_per_photo=3, seed=seed).identity

    assert identity(0) == identity(0) != identity(1)


def test_pca_comes_back_as_it_was(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    pca = fit_pca(store, store.names, 4)
    pca.save(tmp_path / "pca.safetensors")
    loaded = FeaturePCA.load(tmp_path / "pca.safetensors")
    assert loaded.identity == pca.identity
    assert loaded.variance == pca.variance
    assert (loaded(store.features) == pca(store.features)).all()
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "pca.safetensors").read_bytes()


def test_blocks_of_channels_have_components_of_their_own(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store")
    pca = fit_pca(store, store.names, [4, 2], blocks=[7, CHANNELS - 7])
    assert (pca.blocks, pca.channels, pca.components) == (((7, 4), (CHANNELS - 7, 2)), CHANNELS, 6)
    cells = all_cells(store)
    received = pca(cells)
    for part, rows, count in ((received[:, :4], slice(0, 7), 4), (received[:, 4:], slice(7, CHANNELS), 2)):
        halves = StoreWriter(tmp_path / f"{count}", store.names, (CELLS, rows.stop - rows.start), encoder="tiny")
        halves.write(dict(enumerate(store.features[:, :, rows])), {})
        alone = FeatureStore(tmp_path / f"{count}")
        assert np.abs(part - fit_pca(alone, alone.names, count)(cells[:, rows])).max() < 0.02
        assert (part**2).mean() == pytest.approx(1, abs=0.02)
    pca.save(tmp_path / "pca.safetensors")
    loaded = FeaturePCA.load(tmp_path / "pca.safetensors")
    assert (loaded.identity, loaded.blocks) == (pca.identity, pca.blocks)
    assert (loaded(cells) == received).all()
    with pytest.raises(FeatureStoreError, match="6 components: must be from 1 to 5, the smaller of 5 channels"):
        fit_pca(store, store.names, [4, 6], blocks=[7, 5])


def test_a_pca_reads_the_first_channels(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    pca = FeaturePCA(np.arange(5, dtype=np.float32), np.eye(5, 3, dtype=np.float32), 1.0)
    assert (pca(store.features) == pca(store.features[:, :, :5])).all()


def test_identity_of_a_pca_is_of_its_numbers(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    pca = fit_pca(store, store.names, 4)
    assert FeaturePCA(pca.mean + 1, pca.basis, pca.variance).identity != pca.identity
    assert FeaturePCA(pca.mean, -pca.basis, pca.variance).identity != pca.identity


def mean_only(path: Path) -> None:
    save_file({"mean": np.zeros(3, dtype=np.float16)}, path)


def mismatched(path: Path) -> None:
    save_file({"mean": np.zeros(3, dtype=np.float16), "basis": np.zeros((4, 2), dtype=np.float16)}, path)


def nothing(path: Path) -> None:
    save_file({"mean": np.zeros(0, dtype=np.float16)}, path)


def crossed(path: Path) -> None:
    """Small, but for the zeros beside its blocks."""
    blocks = {"basis0": np.zeros((20_000, 1), np.float16), "basis1": np.zeros((1, 20_000), np.float16)}
    save_file({"mean": np.zeros(20_001, dtype=np.float16), **blocks}, path)


@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b"no safetensors at all"),
        mean_only,
        mismatched,
        nothing,
        crossed,
    ],
    ids=["missing", "empty", "truncated", "text", "no basis", "mismatched", "nothing", "a bomb"],
)
def test_a_broken_pca_is_one_line(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path = tmp_path / "pca.safetensors"
    FeaturePCA(np.zeros(3, np.float32), np.zeros((3, 2), np.float32), 1.0).save(path)
    spoil(path)
    with pytest.raises(FeatureStoreError, match="is no PCA of polycap's") as caught:
        FeaturePCA.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("photos", "components", "most"), [(40, 13, 12), (1, 11, 10), (0, 1, 0), (40, 0, 12)])
def test_impossible_numbers_of_components(tmp_path: Path, photos: int, components: int, most: int) -> None:
    store = make_store(tmp_path)
    with pytest.raises(FeatureStoreError, match=f"{components} components: must be from 1 to {most}, "):
        fit_pca(store, store.names[:photos], components)
