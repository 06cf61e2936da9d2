"""What is made once of the tiny world. A test file that needs it says `pytest_plugins = ["tiny_fixtures"]`."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from encoders import QuickEncoder, make_encoder
from polycap.dataset import Dataset, load_dataset
from polycap.encoder.artefact import EncoderArtefact
from polycap.language import Language, load_language
from polycap.text.tokenizer import Tokenizer
from polycap.training.inputs import TrainingInputs
from tiny import CODE, OTHER_CODE, RECIPE, Finished, World, make_data, make_language, make_store, run_polycap


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of twelve photos; read-only."""
    return make_data(tmp_path_factory.mktemp("tiny") / "data")


@pytest.fixture(scope="session")
def tiny_dataset(tiny_data: Path) -> Dataset:
    """The twelve photos, loaded."""
    return load_dataset(tiny_data)


@pytest.fixture(scope="session")
def tiny_language(tmp_path_factory: pytest.TempPathFactory) -> Language:
    """A language without a pack."""
    return load_language(make_language(tmp_path_factory.mktemp("language")))


@pytest.fixture(scope="session")
def tiny_tokenizer(tiny_dataset: Dataset, tiny_language: Language) -> Tokenizer:
    """The language's tokenizer."""
    texts = [tiny_language.normalize(c.text) for photo in tiny_dataset.photos for c in photo.captions]
    return Tokenizer.train(texts, tiny_language.tokenizer)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> EncoderArtefact:
    """An artefact without an encoder: tiny PCA and photo layers, of random numbers."""
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def tiny_inputs(
    tiny_dataset: Dataset,
    tiny_language: Language,
    tiny_encoder: EncoderArtefact,
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainingInputs:
    """What a training run takes, with two views of random features."""
    folder = tmp_path_factory.mktemp("stores")
    names = [photo.name for photo in tiny_dataset.photos]
    stores = [make_store(folder / str(m), names, seed=m, mirrored=bool(m)) for m in (0, 1)]
    return TrainingInputs(tiny_language, tiny_dataset, stores, tiny_encoder)


@pytest.fixture(scope="session")
def finished_world(tiny_data: Path, encoder_folder: Path, folder_of_all_workers: Path) -> World:
    """A language trained from one end to the other by the command line; read-only. Tests ask for `world`."""
    folder = folder_of_all_workers / "world"
    places, features, run = folder / "languages", folder / "features", folder / "run"
    with FileLock(f"{folder}.lock"):
        if not (folder / "printed.json").exists():
            printed = _make_world(folder, tiny_data, encoder_folder)
            (folder / "printed.json").write_text(json.dumps([asdict(finished) for finished in printed]))
    made, trained = (Finished(**values) for values in json.loads((folder / "printed.json").read_text()))
    return World(folder / "data", places, encoder_folder, features, run, run / "pack", (made, trained))


def _make_world(folder: Path, tiny_data: Path, encoder_folder: Path) -> tuple[Finished, Finished]:
    """See `World`; returns what the two commands printed."""
    data = shutil.copytree(tiny_data, folder / "data")
    (data / "Images" / "corrupt.jpg").write_text("not a photo")
    for name, line in (("captions.txt", "corrupt.jpg,a photo\n"), ("Flickr_8k.trainImages.txt", "corrupt.jpg\n")):
        with (data / name).open("a", encoding="utf-8") as stream:
            stream.write(line)
    places, features, run = folder / "languages", folder / "features", folder / "run"
    language = make_language(places)
    make_language(places, OTHER_CODE, "rtl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_LANGUAGES", str(places))
        patch.setenv("POLYCAP_CACHE", str(folder / "cache"))
        patch.setenv("POLYCAP_ENCODER", str(encoder_folder))
        made = run_polycap("features", data, "--out", features)
        recipe = [f"--set={name}={value}" for name, value in RECIPE.model_dump().items()]
        trained = run_polycap("train", CODE, "--data", data, "--features", features, "--out", run, *recipe)
    assert (made.status, trained.status) == (0, 0), (made, trained)
    (language / "pack").symlink_to(run / "pack")
    return made, trained


@pytest.fixture
def quick_encoder(encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The encoder, its network replaced by a product: what it returns still depends on the photo, but at once."""
    monkeypatch.setattr(encoder, "grid", QuickEncoder(encoder.artefact).grid)
    return encoder


@pytest.fixture
def world(finished_world: World, encoder: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """The trained world, its languages in reach, and its encoder loaded already."""
    from polycap.encoder.encoder import Encoder

    monkeypatch.setenv("POLYCAP_LANGUAGES", str(finished_world.places))
    monkeypatch.setenv("POLYCAP_ENCODER", str(finished_world.encoder))
    load = Encoder.load  # takes seconds
    own = encoder.artefact.identity
    monkeypatch.setattr(Encoder, "load", lambda artefact: encoder if artefact.identity == own else load(artefact))
    return finished_world
