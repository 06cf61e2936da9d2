"""Tests of polycap/evaluation/evaluate.py."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polycap
from polycap.captioning.captioner import Captioner
from polycap.dataset import Dataset, ReferenceCaption
from polycap.errors import DatasetError, EvaluationError, FeatureStoreError, PolycapError
from polycap.evaluation.evaluate import evaluate_captioner
from polycap.evaluation.failures import count_failures
from polycap.features.store import FeatureStore, StoreWriter
from polycap.metrics import Scores
from tiny import CODE, World, change_json

pytest_plugins = ["tiny_fixtures"]


@pytest.fixture(scope="module")
def captioner(finished_world: World, encoder: Any) -> Captioner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_LANGUAGES", str(finished_world.places))
        return polycap.load(CODE, encoder=encoder)


@pytest.fixture(scope="module")
def store(finished_world: World) -> FeatureStore:
    return FeatureStore(finished_world.features / "plain")


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def evaluate(captioner: Captioner, dataset: Dataset, split: str = "train", **options: Any) -> Scores:
    return evaluate_captioner(captioner, dataset, split, progress=False, **options).scores


def test_sacrebleu_computes_the_same_scores_from_the_files(
    captioner: Captioner, tiny_dataset: Dataset, store: FeatureStore, tmp_path: Path
) -> None:
    scores = evaluate(captioner, tiny_dataset, store=store, folder=tmp_path / "deep" / "scores")
    folder = tmp_path / "deep" / "scores"
    assert scores.photos == 8
    assert scores.references_per_photo == 5
    assert scores.references_origin == "human"
    assert "text:lc-nopunct|refs:human" in scores.signature
    assert 0 < scores.bleu4 <= scores.bleu3 <= scores.bleu2 <= scores.bleu1 <= 100
    assert lines(folder / "photos.txt") == [photo.name for photo in tiny_dataset.split("train")]
    assert lines(folder / "references.4.txt")[0] == captioner.language.normalize(
        tiny_dataset.split("train")[0].captions[4].text
    )
    row = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert row == scores.to_json(language=CODE, split="train")
    references = [str(folder / f"references.{k}.txt") for k in range(5)]
    options = ["-i", str(folder / "predictions.txt"), "-m", "bleu", "--tokenize", "13a", "-b", "-w", "6", "--force"]
    done = subprocess.run(
        [sys.executable, "-m", "sacrebleu", *references, *options], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == pytest.approx(scores.bleu4, abs=1e-5)


def test_stored_features_and_photos_give_the_same_captions(
    captioner: Captioner, tiny_dataset: Dataset, store: FeatureStore, tmp_path: Path
) -> None:
    ways: dict[str, Any] = {"photos": {}, "store": {"store": store}}
    scores = {
        name: evaluate(captioner, tiny_dataset, "test", folder=tmp_path / name, **options)
        for name, options in ways.items()
    }
    assert scores["photos"] == scores["store"]
    predictions = lines(tmp_path / "photos" / "predictions.txt")
    assert predictions == lines(tmp_path / "store" / "predictions.txt")
    assert predictions == [caption.text for caption in captioner([photo.path for photo in tiny_dataset.split("test")])]


def test_an_unreduced_store(captioner: Captioner, tiny_dataset: Dataset, tmp_path: Path) -> None:
    """Features that the captioner's PCA reduces."""
    from polycap.features.extract import extract_features

    photos = [(photo.name, photo.path) for photo in tiny_dataset.split("dev")]
    full = extract_features(photos, captioner.encoder, tmp_path / "full", progress=False)
    assert full.pca is None
    scores = evaluate(captioner, tiny_dataset, "dev")
    assert evaluate(captioner, tiny_dataset, "dev", store=full) == scores


def test_other_references(captioner: Captioner, tiny_dataset: Dataset, store: FeatureStore) -> None:
    name = tiny_dataset.split("test")[1].name
    captions = {
        name: (ReferenceCaption(0, "A red circle on white."), ReferenceCaption(1, "…")),
        "stranger.jpg": (ReferenceCaption(0, "x"),),
    }
    dataset = tiny_dataset.with_captions(captions, "mt:engine")
    scores = evaluate(captioner, dataset, "test", store=store)
    assert (scores.photos, scores.references_per_photo, scores.references_origin) == (1, 1, "mt:engine")
    assert scores.signature.endswith("refs:mt.engine")


def test_failures_are_those_of_the_captions_and_references_that_were_scored(
    captioner: Captioner, tiny_dataset: Dataset, store: FeatureStore
) -> None:
    normal, unnormalized = (
        evaluate_captioner(captioner, tiny_dataset, "test", store=store, raw=raw, progress=False)
        for raw in (False, True)
    )
    assert normal.failures == count_failures(captioner.language, normal.captions, normal.references)
    assert normal.failures["photos"] == len(normal.captions) == 2
    assert unnormalized.failures == normal.failures


def test_raw_texts(captioner: Captioner, tiny_dataset: Dataset, store: FeatureStore, tmp_path: Path) -> None:
    """Case and punctuation count, and the signature states it."""
    photos = [
        replace(photo, captions=tuple(ReferenceCaption(c.index, f"{c.text.upper()}!") for c in photo.captions))
        for photo in tiny_dataset.photos
    ]
    loud = replace(tiny_dataset, photos=tuple(photos))
    raw = evaluate(captioner, loud, store=store, raw=True, folder=tmp_path)
    normal = evaluate(captioner, loud, store=store)
    assert "text:raw" in raw.signature
    assert raw.bleu1 == 0 < normal.bleu1
    assert lines(tmp_path / "references.0.txt")[0].endswith(" ON WHITE.!")
    assert normal == evaluate(captioner, tiny_dataset, store=store)


def test_bad_photos_are_left_out(
    captioner: Captioner, tiny_dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken photos and faults of a store are named on stderr: stdout is for the scores."""
    good, bad = tiny_dataset.split("test")
    (tmp_path / bad.name).write_text("not a photo")
    photos = (good, replace(bad, path=tmp_path / bad.name))
    dataset = replace(tiny_dataset, photos=photos)
    from_photos = evaluate(captioner, dataset, "test", folder=tmp_path / "scores")
    assert from_photos.photos == 1
    assert lines(tmp_path / "scores" / "photos.txt") == [good.name]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"polycap: left out: {tmp_path / bad.name}: is not an image" in printed.err
    identity = captioner.encoder.identity
    writer = StoreWriter(tmp_path / "store", [bad.name, good.name], (100, 2840), encoder=identity)
    writer.write({1: np.zeros((100, 2840))}, {0: "is broken"})
    assert evaluate(captioner, dataset, "test", store=FeatureStore(tmp_path / "store")).photos == 1
    assert f"polycap: left out: {bad.name}: is broken" in capsys.readouterr().err
    with pytest.raises(EvaluationError, match="no photo of the test split can be read"):
        evaluate(captioner, replace(dataset, photos=photos[1:]), "test")
    with pytest.raises(EvaluationError, match="no photo of the test split can be read"):
        evaluate(captioner, replace(dataset, photos=photos[1:]), "test", store=FeatureStore(tmp_path / "store"))


def test_stores_that_do_not_fit(
    captioner: Captioner, tiny_dataset: Dataset, store: FeatureStore, tmp_path: Path
) -> None:
    for key, what in (("encoder", "encoder"), ("pca", "PCA")):
        folder = shutil.copytree(store.folder, tmp_path / key)
        change_json(folder / "store.json", **{key: "another"})
        with pytest.raises(FeatureStoreError, match=f"features of {what} another, but .* is needed"):
            evaluate(captioner, tiny_dataset, store=FeatureStore(folder))
    few = StoreWriter(
        tmp_path / "few", [tiny_dataset.split("train")[0].name], store.shape, encoder=store.encoder, pca=store.pca
    )
    few.write({0: np.zeros(store.shape)}, {})
    with pytest.raises(FeatureStoreError, match="7 photos have no features"):
        evaluate(captioner, tiny_dataset, store=FeatureStore(tmp_path / "few"))


def test_splits_without_photos(captioner: Captioner, tiny_dataset: Dataset) -> None:
    with pytest.raises(EvaluationError, match="no photo with captions in the dev split"):
        evaluate(captioner, replace(tiny_dataset, photos=tiny_dataset.split("test")), "dev")
    with pytest.raises(DatasetError, match="split 'all': no such split"):
        evaluate(captioner, tiny_dataset, "all")


def test_a_folder_that_can_not_be_made_is_an_error_before_the_work(
    captioner: Captioner, tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(captioner, "_search", None)
    with pytest.raises(PolycapError, match="can't make this folder"):
        evaluate(captioner, tiny_dataset, folder=tmp_path / "file" / "scores")
