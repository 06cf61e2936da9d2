"""Tests of polycap/features/prepare.py."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from encoders import QuickEncoder, make_encoder, make_pca
from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.identity import CELLS
from polycap.errors import FeatureStoreError
from polycap.features.prepare import Features, clear_broken, open_features, open_plain_view, prepare_features
from polycap.photos.load import load_photo

if TYPE_CHECKING:
    from polycap.dataset import Dataset


class Counting(QuickEncoder):
    """An encoder that counts its photos."""

    photos = 0

    def grid(self, photos: NDArray[np.uint8]) -> Any:
        self.photos += len(photos)
        return super().grid(photos)


class Never(QuickEncoder):
    """An encoder that must not be called."""

    def grid(self, photos: NDArray[np.uint8]) -> Any:
        raise AssertionError(f"the encoder should not have been asked for {len(photos)} photos")


class Prepared(NamedTuple):
    """Both views of the tiny dataset."""

    folder: Path
    result: Features
    photos: int


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> EncoderArtefact:
    return make_encoder(tmp_path_factory.mktemp("encoder"), cells=CELLS)


def prepare(dataset: "Dataset", encoder: QuickEncoder, folder: Path, *, mirrored: bool = True) -> Features:
    photos = [(photo.name, photo.path) for photo in dataset.photos]
    return prepare_features(photos, encoder, encoder.artefact, folder, mirrored=mirrored, progress=False)


@pytest.fixture(scope="module")
def features(dataset: "Dataset", artefact: EncoderArtefact, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("features") / "new"
    encoder = Counting(artefact)
    return Prepared(folder, prepare(dataset, encoder, folder), encoder.photos)


@pytest.fixture
def folder(features: Prepared, tmp_path: Path) -> Path:
    """Copy of the prepared features, to be damaged."""
    return shutil.copytree(features.folder, tmp_path / "features")


def test_prepared_features(features: Prepared, dataset: "Dataset", artefact: EncoderArtefact) -> None:
    plain, mirrored = features.result.stores
    assert (features.photos, features.result.encoder) == (2 * 8, artefact)
    assert plain.names == mirrored.names == [photo.name for photo in dataset.photos]
    assert (plain.mirrored, mirrored.mirrored) == (False, True)
    assert plain.shape == mirrored.shape == (100, 6)
    for store in features.result.stores:
        store.require(artefact.features, artefact.pca.identity)
    assert sorted(path.name for path in features.folder.iterdir()) == ["hashes.json", "mirrored", "plain"]
    photos = np.stack([load_photo(photo.path, 299) for photo in dataset.photos])
    for store, pixels in ((plain, photos), (mirrored, photos[:, :, ::-1])):
        expected = artefact.pca(QuickEncoder(artefact).grid(pixels))
        np.testing.assert_allclose(store.read(store.names), expected, rtol=1e-3, atol=1e-2)


def test_the_second_time_nothing_is_done(folder: Path, dataset: "Dataset", artefact: EncoderArtefact) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = prepare(dataset, Never(artefact), folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert len(again.stores) == 2
    assert len(prepare(dataset, Never(artefact), folder, mirrored=False).stores) == 2


def test_what_a_killed_run_left_out_is_made(
    folder: Path, features: Prepared, dataset: "Dataset", artefact: EncoderArtefact
) -> None:
    shutil.rmtree(folder / "mirrored")
    (folder / "plain" / "store.json").unlink()
    encoder = Counting(artefact)
    again = prepare(dataset, encoder, folder)
    assert encoder.photos == 2 * 8
    for one, other in zip(again.stores, features.result.stores, strict=True):
        assert (one.features == other.features).all()


def test_what_does_not_fit_is_told_before_the_first_photo(
    folder: Path, dataset: "Dataset", artefact: EncoderArtefact, tmp_path: Path
) -> None:
    def refused(message: str, encoder: QuickEncoder, photos: "Dataset" = dataset) -> None:
        with pytest.raises(FeatureStoreError, match=f"^{folder}: holds features of {message}"):
            prepare(photos, encoder, folder)

    fix = "; choose another folder or delete this one, and make them anew with `polycap features`"
    refused(f"other photos{fix}", Never(artefact), replace(dataset, photos=dataset.photos[:7]))
    other = Never(artefact)
    other.precision = "other"
    refused("precision f32, not other", other)
    changed = make_encoder(tmp_path / "tensors", tensors=[np.ones(1, np.float32)], cells=CELLS)
    refused(f"encoder {artefact.features}, not {changed.features}{fix}", Never(changed))
    changed = make_encoder(tmp_path / "pca", pca=make_pca(1), cells=CELLS)
    refused(f"PCA {artefact.pca.identity}, not {changed.pca.identity}{fix}", Never(changed))
    with pytest.raises(FeatureStoreError, match=f"PCA {artefact.pca.identity}, but {changed.pca.identity} is needed"):
        open_features(folder, changed)


def test_a_photo_that_was_replaced_is_encoded_again(
    folder: Path, features: Prepared, dataset: "Dataset", artefact: EncoderArtefact, tmp_path: Path
) -> None:
    first, second = dataset.photos[:2]
    (tmp_path / "new.jpg").write_bytes(second.path.read_bytes())
    photos = (replace(first, path=tmp_path / "new.jpg"), *dataset.photos[1:])
    encoder = Counting(artefact)
    again = prepare(replace(dataset, photos=photos), encoder, folder)
    assert encoder.photos == 2
    for now, before in zip(again.stores, features.result.stores, strict=True):
        # nearly: alone or in a batch, the last digits of a photo's features may differ
        np.testing.assert_allclose(now.read([first.name]), before.read([second.name]), atol=0.01)
        others = [photo.name for photo in dataset.photos[1:]]
        assert (now.read(others) == before.read(others)).all()


def test_bad_photos_are_faults_of_both_views(dataset: "Dataset", artefact: EncoderArtefact, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    spoilt = replace(dataset, photos=(replace(dataset.photos[0], path=bad), *dataset.photos[1:]))
    for store in prepare(spoilt, QuickEncoder(artefact), tmp_path / "features").stores:
        assert store.faults == {"0.jpg": f"{bad}: is not an image that Pillow can read"}
        assert len(store.read([f"{number}.jpg" for number in range(1, 8)])) == 7


def test_open_what_is_not_there(tmp_path: Path, folder: Path, artefact: EncoderArtefact) -> None:
    for nothing in (tmp_path / "none", tmp_path):
        with pytest.raises(FeatureStoreError, match="no features here; make them with `polycap features`"):
            open_features(nothing, artefact)
    assert len(open_features(folder, artefact).stores) == 2
    assert not open_plain_view(folder).mirrored


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("plain/store.json", "no feature store here"),
        ("mirrored/store.json", "no feature store here"),
        ("plain/features.f16", "0 bytes; expected 9,600"),
    ],
)
def test_open_what_is_broken(folder: Path, artefact: EncoderArtefact, file: str, reason: str) -> None:
    (folder / file).unlink()
    with pytest.raises(FeatureStoreError, match=reason):
        open_features(folder, artefact)
    clear_broken(folder)
    kept = {"plain", "mirrored", "hashes.json"} - {file.split("/")[0]}
    assert {path.name for path in folder.iterdir()} == kept
