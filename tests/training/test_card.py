"""Tests of polycap/training/card.py: a pack carries the terms of all of its inputs."""

from dataclasses import replace
from pathlib import Path

from encoders import TERMS
from polycap.dataset.terms import FLICKR8K_TERMS
from polycap.pack.card import DECODER, TOKENIZER, Card, FileEntry
from polycap.pack.record import write_card
from polycap.training.card import OTHER_TERMS, make_card
from polycap.training.inputs import TrainingInputs
from tiny import decoder_settings

pytest_plugins = ["tiny_fixtures"]

CONFIG = {
    "settings": {"epochs": 1},
    "tokenizer": "t",
    "dataset": "d",
    "views": ["plain"],
    "start": None,
    "versions": {},
}


def card_of(inputs: TrainingInputs) -> Card:
    return make_card(inputs, CONFIG, decoder_settings("merge"), {})


def with_terms(inputs: TrainingInputs, *terms: str) -> TrainingInputs:
    return replace(inputs, dataset=replace(inputs.dataset, terms=terms))


def test_a_card_has_the_datasets_terms(tiny_inputs: TrainingInputs) -> None:
    inputs = with_terms(replace(tiny_inputs, terms=("captions: CC0",)), FLICKR8K_TERMS, "photos: ask me")
    assert card_of(inputs).terms == [FLICKR8K_TERMS, "photos: ask me", "captions: CC0", TERMS]


def test_a_dataset_without_terms_may_have_some(tiny_inputs: TrainingInputs) -> None:
    assert card_of(with_terms(tiny_inputs)).terms == [OTHER_TERMS, TERMS]


def test_a_card_has_the_terms_of_the_initial_pack(tiny_inputs: TrainingInputs, tmp_path: Path) -> None:
    files = {name: FileEntry(size=1, sha256="0" * 64) for name in (DECODER, TOKENIZER)}
    write_card(tmp_path, card_of(with_terms(tiny_inputs, FLICKR8K_TERMS)).model_copy(update={"files": files}))
    inputs = replace(with_terms(tiny_inputs), initial_pack=tmp_path)
    assert card_of(inputs).terms == [OTHER_TERMS, FLICKR8K_TERMS, TERMS]
