"""Tests of polycap/features/prepare.py, with Xception of random weights."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from polycap.encoder.identity import EncoderIdentity
from polycap.encoder.pca import FeaturePCA, load_pca
from polycap.errors import FeatureStoreError
from polycap.features import prepare as prepare_module
from polycap.features.extract import extract_features
from polycap.features.prepare import Features, open_features, prepare_features
from polycap.features.store import FeatureStore
from polycap.photos.load import load_photo
from stores import cosine

if TYPE_CHECKING:
    from polycap.dataset import Dataset
    from polycap.encoder.encoder import Encoder


@pytest.fixture(scope="module")
def pixels(photo_folder: Path) -> NDArray[np.uint8]:
    """Eight photos, `(8, 299, 299, 3) uint8`."""
    return np.stack([load_photo(path, 299) for path in sorted(photo_folder.iterdir())])


@pytest.fixture(scope="module")
def grid(encoder: "Encoder", pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    """The encoder's output for them, `(8, 100, 2840) float16`."""
    return encoder.grid(pixels)


# --- extraction ---


def test_extraction_is_the_grid(features: "Prepared", grid: NDArray[np.float16]) -> None:
    full = FeatureStore(features.folder / "full-plain")
    assert (full.read(full.names) == grid).all()


def test_mirrored_extraction_is_the_grid_of_the_flipped_photos(
    features: "Prepared", encoder: "Encoder", pixels: NDArray[np.uint8], grid: NDArray[np.float16]
) -> None:
    full = FeatureStore(features.folder / "full-mirrored")
    assert full.mirrored
    flipped = [np.asarray(Image.fromarray(photo).transpose(Image.Transpose.FLIP_LEFT_RIGHT)) for photo in pixels]
    expected = encoder.grid(np.stack(flipped))
    assert (full.read(full.names) == expected).all()
    assert cosine(expected, grid) < 0.99  # the photos are not symmetrical


# --- all that training needs ---


class Counting:
    """The encoder, and the number of photos of each call."""

    def __init__(self, encoder: "Encoder") -> None:
        self.photos = 0
        self.encoder = encoder
        self.identity, self.precision = encoder.identity, encoder.precision
        self.size, self.cells, self.blocks = encoder.size, encoder.cells, encoder.blocks

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        self.photos += len(photos)
        return self.encoder.grid(photos)


class Prepared(NamedTuple):
    """Both views of the tiny dataset, with the unreduced stores."""

    folder: Path
    result: Features
    photos: int


def prepare(
    dataset: "Dataset",
    encoder: Any,
    folder: Path,
    *,
    components: int = 4,
    mirrored: bool = True,
    keep_full: bool = True,
) -> Features:
    encoder = cast("Encoder", encoder)
    settings = {"components": components, "mirrored": mirrored, "keep_full": keep_full}
    return prepare_features(*photos_of(dataset), encoder, folder, progress=False, **settings)  # type: ignore[arg-type]


def photos_of(dataset: "Dataset") -> tuple[list[tuple[str, Path]], list[str]]:
    """Names and files of a dataset's photos, and the names of the train split."""
    return [(photo.name, photo.path) for photo in dataset.photos], [photo.name for photo in dataset.split("train")]


@pytest.fixture(scope="module")
def features(dataset: "Dataset", encoder: "Encoder", tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("features") / "new"
    counting = Counting(encoder)
    return Prepared(folder, prepare(dataset, counting, folder), counting.photos)


@pytest.fixture
def folder(features: Prepared, tmp_path: Path) -> Path:
    """Copy of the prepared features, to be damaged."""
    shutil.copytree(features.folder, tmp_path / "features")
    return tmp_path / "features"


class Never:
    """Encoder that must not be called."""

    def __init__(self, encoder: "Encoder", identity: str = "") -> None:
        self.identity = EncoderIdentity(identity, identity) if identity else encoder.identity
        self.precision = encoder.precision
        self.size, self.cells, self.blocks = encoder.size, encoder.cells, encoder.blocks

    def grid(self, _: NDArray[np.uint8]) -> NDArray[np.float16]:
        raise AssertionError("the encoder should not have been asked")


def test_prepared_features(features: Prepared, dataset: "Dataset", encoder: "Encoder") -> None:
    plain, mirrored = features.result.stores
    assert features.photos == 2 * 8
    assert plain.names == mirrored.names == [photo.name for photo in dataset.photos]
    assert (plain.mirrored, mirrored.mirrored) == (False, True)
    assert plain.shape == mirrored.shape == (100, 6)
    for store in features.result.stores:
        store.require(encoder.identity.full, features.result.pca.identity)
    assert sorted(path.name for path in features.folder.iterdir()) == [
        "full-mirrored",
        "full-plain",
        "hashes.json",
        "mirrored",
        "pca.safetensors",
        "plain",
    ]
    full = FeatureStore(features.folder / "full-plain")
    expected = features.result.pca(full.read(full.names))
    assert np.abs(plain.read(plain.names) - expected).max() < 0.01


def test_the_pca_sees_the_train_split_only(
    folder: Path, features: Prepared, dataset: "Dataset", encoder: "Encoder", monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def fit(store: FeatureStore, names: list[str], components: list[int], *, blocks: tuple[int, ...]) -> FeaturePCA:
        seen.extend([store.mirrored, names, components, blocks])
        return features.result.pca

    monkeypatch.setattr(prepare_module, "fit_pca", fit)  # a real fit of 2840 channels takes seconds
    for name in ("plain", "mirrored"):
        shutil.rmtree(folder / name)
    (folder / "pca.safetensors").unlink()
    prepare(dataset, Never(encoder), folder)
    train = [f"{number}.jpg" for number in range(4)]
    assert seen == [False, train, [4, 1, 1], (2048, 728, 64)]
    square = (features.result.stores[0].read(train).astype(np.float32) ** 2).mean()
    assert square == pytest.approx(1, rel=0.2)  # 10 of a photo's 100 cells were looked at


def test_the_second_time_nothing_is_done(folder: Path, dataset: "Dataset", encoder: "Encoder") -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = prepare(dataset, Never(encoder), folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert len(again.stores) == 2
    assert len(prepare(dataset, Never(encoder), folder, mirrored=False, keep_full=False).stores) == 2


@pytest.mark.parametrize("lost", [["plain"], ["mirrored"], ["plain", "mirrored"]])
def test_what_is_left_of_a_killed_run_is_used(
    folder: Path, features: Prepared, dataset: "Dataset", encoder: "Encoder", lost: list[str]
) -> None:
    for name in lost:
        shutil.rmtree(folder / name)
    again = prepare(dataset, Never(encoder), folder)
    assert again.pca.identity == features.result.pca.identity
    for one, other in zip(again.stores, features.result.stores, strict=True):
        assert (one.features == other.features).all()


def test_a_view_killed_before_its_manifest_is_made_again(
    folder: Path, features: Prepared, dataset: "Dataset", encoder: "Encoder"
) -> None:
    (folder / "plain" / "store.json").unlink()
    again = prepare(dataset, Never(encoder), folder)
    assert (again.stores[0].features == features.result.stores[0].features).all()


def test_unreduced_stores_go_unless_they_are_kept(
    folder: Path, features: Prepared, dataset: "Dataset", encoder: "Encoder"
) -> None:
    for name in ("plain", "mirrored"):
        shutil.rmtree(folder / name)
    again = prepare(dataset, Never(encoder), folder, keep_full=False)
    assert sorted(path.name for path in folder.iterdir()) == ["hashes.json", "mirrored", "pca.safetensors", "plain"]
    assert (again.stores[1].features == features.result.stores[1].features).all()
    assert len(prepare(dataset, Never(encoder), folder, keep_full=False).stores) == 2


def test_one_view(dataset: "Dataset", encoder: "Encoder", features: Prepared, tmp_path: Path) -> None:
    shutil.copytree(features.folder / "full-plain", tmp_path / "full-plain")
    shutil.copy(features.folder / "pca.safetensors", tmp_path)
    assert len(prepare(dataset, Never(encoder), tmp_path, mirrored=False).stores) == 1


def test_a_given_pca_is_used_and_no_other(
    dataset: "Dataset", encoder: "Encoder", features: Prepared, folder: Path, tmp_path: Path
) -> None:
    few = replace(dataset, photos=dataset.photos[:9])
    given = load_pca(features.folder)
    made = prepare_features(*photos_of(few), encoder, tmp_path / "new", components=7, pca=given, progress=False)
    assert (made.pca.identity, made.stores[0].pca, made.stores[0].shape[1]) == (given.identity, given.identity, 6)
    assert load_pca(tmp_path / "new" / "pca.safetensors").identity == given.identity
    other = FeaturePCA(given.mean + 1, given.basis, given.variance)
    never = cast("Encoder", Never(encoder))
    with pytest.raises(FeatureStoreError, match=f"holds features of PCA {given.identity}, not {other.identity}"):
        prepare_features(*photos_of(dataset), never, folder, pca=other, mirrored=True, progress=False)
    same = prepare_features(*photos_of(dataset), never, folder, pca=given, mirrored=True, progress=False)
    assert same.pca.components == 6


def test_features_for_a_pack_of_before(dataset: "Dataset", encoder: "Encoder", tmp_path: Path) -> None:
    """Its PCA reads Xception's last layer only, and its features have that identity."""
    generator = np.random.default_rng(0)
    basis = generator.normal(scale=0.02, size=(2048, 5)).astype(np.float32)
    former = FeaturePCA(np.zeros(2048, np.float32), basis, 0.9)
    for keep_full in (False, True):
        made = prepare_features(
            *photos_of(dataset), encoder, tmp_path / str(keep_full), pca=former, keep_full=keep_full, progress=False
        )
        [store] = made.stores
        assert (store.encoder, store.pca, store.shape) == (encoder.identity.xception_only, former.identity, (100, 5))
    pixels = np.stack([load_photo(dataset.photos[0].path, 299)])
    expected = former(encoder.grid(pixels)[..., :2048])
    assert np.abs(store.read([dataset.photos[0].name]) - expected).max() < 0.01
    never = cast("Encoder", Never(encoder))
    again = prepare_features(*photos_of(dataset), never, tmp_path / "False", pca=former, progress=False)
    assert again.pca.identity == former.identity


def test_what_does_not_fit_is_told_before_the_first_photo(folder: Path, dataset: "Dataset", encoder: "Encoder") -> None:
    for name in ("full-plain", "full-mirrored"):  # they were not kept
        shutil.rmtree(folder / name)
    fewer = replace(dataset, photos=dataset.photos[:7])
    with pytest.raises(FeatureStoreError, match=f"^{folder}: holds features of other photos; choose another"):
        prepare(fewer, Never(encoder), folder)
    other = Never(encoder)
    other.precision = "other"
    with pytest.raises(
        FeatureStoreError, match=rf"^{folder}: holds features of precision {encoder.precision}, not other"
    ):
        prepare(dataset, other, folder)
    with pytest.raises(FeatureStoreError, match=f"^{folder}: holds features of encoder .*, not new; choose another"):
        prepare(dataset, Never(encoder, "new"), folder)
    with pytest.raises(FeatureStoreError, match="has 4 components, not 5; choose another folder"):
        prepare(dataset, Never(encoder), folder, components=5)
    shutil.rmtree(folder / "plain")
    with pytest.raises(FeatureStoreError, match="has 4 components, not 5; choose another folder"):
        prepare(dataset, Never(encoder), folder, components=5)
    assert not (folder / "full-plain").exists()


def test_a_half_done_extraction_of_another_encoder_is_refused(
    folder: Path, dataset: "Dataset", encoder: "Encoder"
) -> None:
    for name in ("plain", "mirrored"):
        shutil.rmtree(folder / name)
    (folder / "pca.safetensors").unlink()
    with pytest.raises(FeatureStoreError, match="full-plain: holds features of encoder "):
        prepare(dataset, Never(encoder, "new"), folder)


@pytest.mark.parametrize("lost", [["mirrored"], ["plain", "mirrored"]])
def test_with_a_pca_cells_are_reduced_as_they_come(
    folder: Path, features: Prepared, dataset: "Dataset", encoder: "Encoder", lost: list[str]
) -> None:
    for name in ("full-plain", "full-mirrored", *lost):
        shutil.rmtree(folder / name)
    counting = Counting(encoder)
    again = prepare(dataset, counting, folder, keep_full=False)
    assert counting.photos == 8 * len(lost)
    assert sorted(path.name for path in folder.iterdir()) == ["hashes.json", "mirrored", "pca.safetensors", "plain"]
    for one, other in zip(again.stores, features.result.stores, strict=True):
        assert (one.features == other.features).all()


def test_a_photo_that_was_replaced_is_encoded_again(
    folder: Path, features: Prepared, dataset: "Dataset", encoder: "Encoder", tmp_path: Path
) -> None:
    for name in ("full-plain", "full-mirrored"):
        shutil.rmtree(folder / name)
    first, second = dataset.photos[:2]
    (tmp_path / "new.jpg").write_bytes(second.path.read_bytes())
    photos = (replace(first, path=tmp_path / "new.jpg"), *dataset.photos[1:])
    counting = Counting(encoder)
    again = prepare(replace(dataset, photos=photos), counting, folder, keep_full=False)
    assert counting.photos == 2
    for now, before in zip(again.stores, features.result.stores, strict=True):
        # nearly: alone or in a batch, the last digits of a photo's features may differ
        np.testing.assert_allclose(now.read([first.name]), before.read([second.name]), atol=0.01)
        others = [photo.name for photo in dataset.photos[1:]]
        assert (now.read(others) == before.read(others)).all()


def test_what_is_left_of_full_features_goes(folder: Path, dataset: "Dataset", encoder: "Encoder") -> None:
    (folder / "full-plain" / "store.json").unlink()  # killed while it removed them
    prepare(dataset, Never(encoder), folder, keep_full=False)
    assert sorted(path.name for path in folder.iterdir()) == ["hashes.json", "mirrored", "pca.safetensors", "plain"]


def test_bad_photos_are_faults_of_the_reduced_stores_too(
    dataset: "Dataset", encoder: "Encoder", features: Prepared, tmp_path: Path
) -> None:
    shutil.copytree(features.folder / "full-plain", tmp_path / "full-plain")
    shutil.copy(features.folder / "pca.safetensors", tmp_path)
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    spoilt = replace(dataset, photos=(replace(dataset.photos[0], path=bad), *dataset.photos[1:]))
    for _ in range(2):
        [plain] = prepare(spoilt, Never(encoder), tmp_path, mirrored=False, keep_full=False).stores
        assert plain.faults == {"0.jpg": f"{bad}: is not an image that Pillow can read"}
        assert len(plain.read([f"{number}.jpg" for number in range(1, 8)])) == 7


def test_a_bad_photo_of_the_dataset_stops_nothing(dataset: "Dataset", tmp_path: Path, encoder: "Encoder") -> None:
    (tmp_path / "bad.jpg").write_text("no photo")
    photos = [(dataset.photos[0].name, dataset.photos[0].path), ("bad.jpg", tmp_path / "bad.jpg")]
    store = extract_features(photos, encoder, tmp_path / "store", progress=False)
    assert store.read([dataset.photos[0].name]).shape == (1, 100, 2840)
    assert store.faults == {"bad.jpg": f"{tmp_path / 'bad.jpg'}: is not an image that Pillow can read"}


def test_open_what_is_not_there(tmp_path: Path, folder: Path) -> None:
    for nothing in (tmp_path / "none", tmp_path):
        with pytest.raises(FeatureStoreError, match="no features here; make them with `polycap features`"):
            open_features(nothing)
    assert len(open_features(folder).stores) == 2


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("pca.safetensors", "is no PCA of polycap's"),
        ("plain/store.json", "no feature store here"),
        ("mirrored/store.json", "no feature store here"),
        ("plain/features.f16", "0 bytes; expected 9,600"),
    ],
)
def test_open_what_is_broken(folder: Path, file: str, reason: str) -> None:
    (folder / file).unlink()
    with pytest.raises(FeatureStoreError, match=reason):
        open_features(folder)
