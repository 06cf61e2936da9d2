"""Several languages side by side over shared photo layers."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoders import make_encoder
from polycap.decoder.shapes import photo_shapes
from polycap.encoder.artefact import open_encoder
from polycap.errors import TrainingError
from polycap.language import load_language
from polycap.machine.backend import keras
from polycap.pack.card import read_card
from polycap.pack.pack import load_pack
from polycap.training.callbacks import save_arrays
from polycap.training.inputs import TrainingInputs
from polycap.training.run import train_decoder
from polycap.training.settings import TrainingSettings
from polycap.training.side_by_side import train_side_by_side, write_packs
from polycap.training.turns import MeanStep, in_turns
from tiny import CODE, OTHER_CODE, decoder_settings, make_language, training_settings

pytest_plugins = ["tiny_fixtures"]

SETTINGS = training_settings(epochs=2, output_dropout=0.2, ema_decay=0.9, self_critical_epochs=1, max_tokens=6)
RECIPES = {CODE: SETTINGS, OTHER_CODE: SETTINGS}
PHOTO_WEIGHTS = photo_shapes(decoder_settings("attention")).keys()


@pytest.fixture(scope="module")
def both(tiny_inputs: TrainingInputs, tmp_path_factory: pytest.TempPathFactory) -> list[TrainingInputs]:
    """The tiny language, and another of fewer train photos."""
    other = load_language(make_language(tmp_path_factory.mktemp("other"), OTHER_CODE))
    left_out = {photo.name for photo in tiny_inputs.dataset.split("train")[:4]}
    photos = tuple(photo for photo in tiny_inputs.dataset.photos if photo.name not in left_out)
    fewer = replace(tiny_inputs.dataset, photos=photos)
    return [tiny_inputs, replace(tiny_inputs, language=other, dataset=fewer)]


@pytest.fixture(scope="module")
def run(both: list[TrainingInputs], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed, its photo layers in `encoder` and packs in `packs`; read-only."""
    folder = tmp_path_factory.mktemp("side") / "run"
    layers = train_side_by_side(both, folder, RECIPES, progress=False)
    encoder = make_encoder(folder / "encoder", photo_layers=layers)
    packs = write_packs([replace(each, encoder=encoder) for each in both], folder, folder / "packs", RECIPES)
    assert packs == {code: folder / "packs" / code for code in (CODE, OTHER_CODE)}
    return folder


def read_log(folder: Path) -> list[dict[str, float]]:
    with (folder / "log.csv").open(encoding="utf-8", newline="") as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def test_the_photo_layers_are_the_same_numbers_for_each_language(run: Path) -> None:
    with np.load(run / CODE / "best.npz") as one, np.load(run / OTHER_CODE / "best.npz") as other:
        same = {name for name in one if one[name].shape == other[name].shape and (one[name] == other[name]).all()}
    assert same == set(PHOTO_WEIGHTS)
    encoder = open_encoder(run / "encoder")
    for code in (CODE, OTHER_CODE):
        pack = load_pack(run / "packs" / code, encoder)
        assert pack.card.language == code
        assert pack.card.training["side by side"] == [CODE, OTHER_CODE]
        assert pack.weights["query/kernel"].shape == (SETTINGS.units, SETTINGS.units)


def test_the_epochs_are_judged_by_the_mean_of_all_languages(run: Path) -> None:
    logs, means = [read_log(run / code) for code in (CODE, OTHER_CODE)], read_log(run)
    assert list(logs[0][0]) == ["epoch", "loss", "seconds", "tokens_per_second", "dev_bleu4", "dev_seconds"]
    assert [row["epoch"] for row in means] == [1, 2]
    for one, other, mean in zip(*logs, means, strict=True):
        assert mean["dev_bleu4"] == pytest.approx((one["dev_bleu4"] + other["dev_bleu4"]) / 2)
    best = max(means, key=lambda row: row["dev_bleu4"])["epoch"]
    for code in (CODE, OTHER_CODE):
        assert read_card(run / "packs" / code).training["best epoch"] == best


def test_a_stopped_run_ends_where_an_undisturbed_one_does(
    run: Path, both: list[TrainingInputs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit: all languages resume after the same epoch, though the next one's best weights are there already."""

    def stop_at_second_checkpoint(path: Path, arrays: Any) -> None:
        if path.name == "checkpoint.npz" and path.exists():
            raise KeyboardInterrupt
        save_arrays(path, arrays)

    forced = dict.fromkeys(RECIPES, SETTINGS.model_copy(update={"self_critical_epochs": 0}))
    with monkeypatch.context() as patch:
        patch.setattr("polycap.training.callbacks.save_arrays", stop_at_second_checkpoint)
        with pytest.raises(KeyboardInterrupt):
            train_side_by_side(both, tmp_path, forced, progress=False)
    assert len(read_log(tmp_path)) == 1
    train_side_by_side(both, tmp_path, forced, progress=False)
    for code in RECIPES:
        with np.load(run / code / "best.npz") as one, np.load(tmp_path / code / "best.npz") as other:
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])
        assert len(read_log(tmp_path / code)) == 2


def test_who_has_fewer_batches_waits_evenly() -> None:
    turns = list(in_turns([[("a",)] * 6, [("b",)] * 2, [("c",)] * 6]))  # type: ignore[list-item]
    assert ["".join(batch[0] for _, batch in turn) for turn in turns] == ["ac", "ac", "abc", "ac", "ac", "abc"]
    assert [index for index, _ in turns[2]] == [0, 1, 2]


def test_shared_weights_move_by_the_mean_of_the_languages_steps() -> None:
    """One step after another would move them by the sum, several times as far as one language alone."""
    weight = keras.Variable(np.array([1.0, 5.0], dtype=np.float32))
    mean = MeanStep([weight])
    for step, share in (([1.0, 0.0], 1.0), ([3.0, -2.0], 1.0), ([6.0, 2.0], 0.5)):
        np.testing.assert_array_equal(np.asarray(weight), [1.0, 5.0])
        weight.assign_add(np.array(step, dtype=np.float32))
        mean.add(share)
    mean.apply()
    np.testing.assert_allclose(np.asarray(weight), [1 + 7 / 2.5, 5 - 1 / 2.5], rtol=1e-6)


def test_another_set_of_languages_does_not_go_on_with_a_run(run: Path, both: list[TrainingInputs]) -> None:
    with pytest.raises(TrainingError, match=r"config\.json:side by side: this run was started with"):
        train_side_by_side(list(reversed(both)), run, RECIPES, progress=False)
    with pytest.raises(TrainingError, match=r"config\.json:side by side: this run was started with"):
        train_decoder(both[0], run / CODE, SETTINGS, progress=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({OTHER_CODE: training_settings(units=8)}, "units: qaa has 16, qab 8; side by side all have the same"),
        (dict.fromkeys((CODE, OTHER_CODE), training_settings(kind="merge")), "kind=merge, epochs=3: side by side"),
        (dict.fromkeys((CODE, OTHER_CODE), training_settings(epochs=0)), "kind=attention, epochs=0: side by side"),
    ],
)
def test_settings_that_do_not_go_together(
    settings: dict[str, TrainingSettings], message: str, both: list[TrainingInputs], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=message):
        train_side_by_side(both, tmp_path / "run", {CODE: training_settings(), **settings}, progress=False)
    assert not (tmp_path / "run").exists()


def test_languages_that_do_not_go_together(both: list[TrainingInputs], run: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no languages to train side by side; give one or more"):
        train_side_by_side([], tmp_path, RECIPES, progress=False)
    with pytest.raises(TrainingError, match="`inputs` are of qaa, qaa: give each language once"):
        train_side_by_side([both[0], both[0]], tmp_path, RECIPES, progress=False)
    with pytest.raises(TrainingError, match="qab: begins with a pack; side by side"):
        train_side_by_side(
            [both[0], replace(both[1], initial_pack=run / "packs" / CODE)], tmp_path, RECIPES, progress=False
        )
