"""The encoder, the PCA, and the features that training needs, with a whole Xception of random weights."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from polycap.errors import FeatureStoreError, PhotoError
from polycap.features import prepare as prepare_module
from polycap.features.extract import decode_batches, extract_features, one_ahead
from polycap.features.identity import EncoderIdentity
from polycap.features.images import load_photo
from polycap.features.pca import FeaturePCA, fit_pca, reduce_store
from polycap.features.prepare import Features, load_pca, open_features, prepare_features
from polycap.features.store import FeatureStore, StoreWriter

if TYPE_CHECKING:
    from polycap.dataset import Dataset
    from polycap.features.encoder import Encoder


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Of each cell's channels, the lowest."""
    one, other = one.astype(np.float32), other.astype(np.float32)  # float16 has no room for a sum of squares
    product = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
    return float(product.min())


@pytest.fixture(scope="module")
def pixels(photo_folder: Path) -> NDArray[np.uint8]:
    """The eight photos, `(8, 299, 299, 3) uint8`."""
    return np.stack([load_photo(path, 299) for path in sorted(photo_folder.iterdir())])


@pytest.fixture(scope="module")
def grid(encoder: "Encoder", pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    """What the encoder makes of them, `(8, 100, 2840) float16`."""
    return encoder.grid(pixels)


# --- the encoder ---


def test_grid(encoder: "Encoder", grid: NDArray[np.float16]) -> None:
    assert grid.dtype == np.float16
    assert grid.shape == (8, encoder.cells, sum(encoder.blocks)) == (8, 100, 2840)
    assert np.isfinite(grid).all()
    assert np.abs(grid[0] - grid[1]).mean() > 0.01
    assert [len(identity) for identity in encoder.identity] == [16, 16]


def test_frozen_network_agrees_with_keras(
    xception: Any, encoder: "Encoder", pixels: NDArray[np.uint8], grid: NDArray[np.float16]
) -> None:
    from polycap.backend import keras

    deep = keras.Model(xception.input, [xception.output, xception.get_layer("block13_sepconv1_act").output])
    last, middle = map(np.asarray, deep(pixels[:2].astype(np.float32) / 127.5 - 1, training=False))
    assert (last.shape, middle.shape) == ((2, 10, 10, 2048), (2, 19, 19, 728))
    ours = np.split(grid[:2], np.cumsum(encoder.blocks)[:-1], axis=-1)
    assert cosine(ours[0], last.reshape(2, 100, 2048)) > 0.999  # row by row; bfloat16 may differ a little
    assert np.abs(ours[0].mean() / last.mean() - 1) < 0.01
    around = ours[1].reshape(2, 10, 10, 728)[:, 3, 7]
    assert cosine(around, middle[:, 5:8, 13:16].mean(axis=(1, 2))) > 0.999
    corner = ours[1].reshape(2, 10, 10, 728)[:, 0, 9]
    assert cosine(corner, middle[:, :2, 17:].mean(axis=(1, 2))) > 0.999  # of what is there


def test_colours(encoder: "Encoder") -> None:
    """A pixel counts for the tones around its own: of 4 × 4 × 4, by how near they are."""
    photo = np.zeros((1, 299, 299, 3), dtype=np.uint8)  # black
    photo[:, :, 149:] = (255, 85, 0)  # the right half
    photo[:, 149:, :149] = (0, 0, 255 - 17)  # below left: four fifths of the way from tone 2 to tone 3 of blue
    colours = encoder.grid(photo)[0, :, -64:].reshape(10, 10, 4, 4, 4)
    np.testing.assert_allclose(colours.sum(axis=(2, 3, 4)), 1, rtol=1e-3)
    np.testing.assert_allclose(colours[:5, :5, 0, 0, 0], 1, rtol=1e-3)
    np.testing.assert_allclose(colours[:, 5:, 3, 1, 0], 1, rtol=1e-3)
    np.testing.assert_allclose(colours[5:, :5, 0, 0, 2:], np.broadcast_to([0.2, 0.8], (5, 5, 2)), rtol=1e-3)


def test_a_photo_alone_gives_what_it_gives_among_others(
    encoder: "Encoder", pixels: NDArray[np.uint8], grid: NDArray[np.float16]
) -> None:
    assert cosine(encoder.grid(pixels[3:4]), grid[3:4]) > 0.9999


def test_encoder_loads_from_a_file(encoder: "Encoder", encoder_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from polycap.features import encoder as encoder_module

    monkeypatch.setattr(encoder_module, "_freeze", lambda _: None)
    assert encoder_module.Encoder.load(encoder_weights).identity == encoder.identity
    monkeypatch.setenv("POLYCAP_XCEPTION_WEIGHTS", str(encoder_weights))
    assert encoder_module.Encoder.load().identity == encoder.identity


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


def test_photos_are_decoded_in_order_and_faults_between_them(photo_folder: Path, tmp_path: Path) -> None:
    good = sorted(photo_folder.iterdir())[:2]
    items = [(key, tmp_path / "none.jpg" if key % 3 == 2 else good[key % 3]) for key in range(11)]
    batches = list(decode_batches(items, 8, batch_size=4))
    assert [len(batch) for batch in batches] == [4, 4, 3]
    decoded = [entry for batch in batches for entry in batch]
    assert [key for key, _ in decoded] == list(range(11))
    for key, photo in decoded:
        if key % 3 == 2:
            assert isinstance(photo, PhotoError)
        else:
            assert not isinstance(photo, PhotoError)
            assert (photo == load_photo(good[key % 3], 8)).all()
    assert list(decode_batches([], 8)) == []


def test_decoding_stays_two_batches_ahead_and_no_more() -> None:
    photos = [np.zeros((4, 4, 3), dtype=np.uint8)] * 100
    asked: list[int] = []

    class Items(list[Any]):
        def __getitem__(self, position: Any) -> Any:
            asked.append(position)
            return super().__getitem__(position)

    batches = decode_batches(Items(enumerate(photos)), 4, batch_size=10)
    next(batches)
    assert len(asked) == 20
    next(batches)
    assert len(asked) == 30
    batches.close()  # type: ignore[attr-defined]


def test_the_next_item_is_made_while_one_is_in_use_and_no_more() -> None:
    made = [threading.Event() for _ in range(5)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    ahead = one_ahead(items())
    assert next(ahead) == 0
    assert made[1].wait(5)  # though nobody has asked for it
    assert not made[2].wait(0.1)
    assert list(ahead) == [1, 2, 3, 4]


def test_what_goes_wrong_ahead_is_raised_at_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise PhotoError("broken")

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(PhotoError, match="broken"):
        next(ahead)


# --- the PCA ---

CELLS, CHANNELS = 10, 12


def make_store(folder: Path, photos: int = 40, channels: int = CHANNELS, seed: int = 0) -> FeatureStore:
    """Features with a mean and some directions that matter more than others."""
    generator = np.random.default_rng(seed)
    cells = generator.normal(size=(photos, CELLS, channels)) * np.linspace(3, 0.3, channels)
    cells = cells @ np.linalg.qr(generator.normal(size=(channels, channels)))[0] + generator.normal(size=channels)
    writer = StoreWriter(folder, [f"{n}.jpg" for n in range(photos)], (CELLS, channels), encoder="tiny")
    writer.write(dict(enumerate(cells)), {})
    return FeatureStore(folder)


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


# --- all that training needs ---


class Counting:
    """The encoder, and how many photos it was given."""

    def __init__(self, encoder: "Encoder") -> None:
        self.photos = 0
        self.encoder = encoder
        self.identity, self.precision = encoder.identity, encoder.precision
        self.size, self.cells, self.blocks = encoder.size, encoder.cells, encoder.blocks

    def grid(self, photos: NDArray[np.uint8]) -> NDArray[np.float16]:
        self.photos += len(photos)
        return self.encoder.grid(photos)


class Prepared(NamedTuple):
    """Both views of the tiny dataset, the unreduced stores kept."""

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
    return prepare_features(dataset, encoder, folder, progress=False, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def features(dataset: "Dataset", encoder: "Encoder", tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("features") / "new"
    counting = Counting(encoder)
    return Prepared(folder, prepare(dataset, counting, folder), counting.photos)


@pytest.fixture
def folder(features: Prepared, tmp_path: Path) -> Path:
    """A copy of the prepared features, to do harm to."""
    shutil.copytree(features.folder, tmp_path / "features")
    return tmp_path / "features"


class Never:
    """An encoder that must not be asked."""

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
        store.require(encoder.identity.whole, features.result.pca.identity)
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
    made = prepare_features(few, encoder, tmp_path / "new", components=7, pca=given, progress=False)
    assert (made.pca.identity, made.stores[0].pca, made.stores[0].shape[1]) == (given.identity, given.identity, 6)
    assert load_pca(tmp_path / "new" / "pca.safetensors").identity == given.identity
    other = FeaturePCA(given.mean + 1, given.basis, given.variance)
    never = cast("Encoder", Never(encoder))
    with pytest.raises(FeatureStoreError, match=f"holds features of PCA {given.identity}, not {other.identity}"):
        prepare_features(dataset, never, folder, pca=other, mirrored=True, progress=False)
    assert prepare_features(dataset, never, folder, pca=given, mirrored=True, progress=False).pca.components == 6


def test_features_for_a_pack_of_before(dataset: "Dataset", encoder: "Encoder", tmp_path: Path) -> None:
    """Its PCA reads Xception's last cells alone: so do its features, and they carry the identity that it knows."""
    generator = np.random.default_rng(0)
    basis = generator.normal(scale=0.02, size=(2048, 5)).astype(np.float32)
    former = FeaturePCA(np.zeros(2048, np.float32), basis, 0.9)
    for keep_full in (False, True):
        made = prepare_features(
            dataset, encoder, tmp_path / str(keep_full), pca=former, keep_full=keep_full, progress=False
        )
        [store] = made.stores
        assert (store.encoder, store.pca, store.shape) == (encoder.identity.former, former.identity, (100, 5))
    pixels = np.stack([load_photo(dataset.photos[0].path, 299)])
    expected = former(encoder.grid(pixels)[..., :2048])
    assert np.abs(store.read([dataset.photos[0].name]) - expected).max() < 0.01
    again = prepare_features(dataset, cast("Encoder", Never(encoder)), tmp_path / "False", pca=former, progress=False)
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
        assert (now.read([first.name]) == before.read([second.name])).all()
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
