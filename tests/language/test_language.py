"""Tests of polycap/language/language.py."""

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from folders import make_folder
from polycap.language import load_language

ENGLISH = Path(__file__).parent.parent.parent / "languages" / "en"


def test_english() -> None:
    english = load_language(ENGLISH)
    assert (english.code, english.direction, english.script) == ("en", "ltr", "Latn")
    assert english.tokenizer.vocab_size == 3000
    assert english.tokenizer.model_type == "unigram"
    assert english.translation.engine == "none"
    assert english.evaluation.sacrebleu_tokenizer == "13a"
    assert english.folder == ENGLISH
    assert english.pack_folder == ENGLISH / "pack"
    assert len(english.samples) == 5
    assert english.normalize("The dog's black-and-white ball.") == "the dogs black and white ball"
    assert english.normalize("The dog's ball.", keep_case_and_punctuation=True) == "The dog's ball."


def test_six_facts_are_enough(tmp_path: Path) -> None:
    language = load_language(make_folder(tmp_path))
    assert language.samples == ()
    assert language.decoding.beam_width == 4
    assert language.decoding.length_penalty == 0.7
    assert (language.decoding.min_length, language.decoding.max_length) == (3, 24)
    assert language.decoding.no_repeat_ngram == 3
    assert language.decoding.no_repeat_token


def test_a_pack_with_a_card_makes_it_trained(tmp_path: Path) -> None:
    language = load_language(make_folder(tmp_path))
    stages = [language.status]
    language.pack_folder.mkdir()
    stages.append(language.status)
    (language.pack_folder / "card.json").write_text("{}")
    assert [*stages, language.status] == ["untrained", "untrained", "trained"]


def test_immutable_and_picklable(tmp_path: Path) -> None:
    language = load_language(make_folder(tmp_path, samples='samples = ["a b"]'))
    with pytest.raises(ValidationError):
        language.code = "yy"
    copy = pickle.loads(pickle.dumps(language))
    assert copy == language
    assert copy.folder == language.folder
    assert copy.samples == ("a b",)


def test_a_language_with_an_installed_pack_is_another_one(tmp_path: Path) -> None:
    language = load_language(make_folder(tmp_path))
    other = language.with_pack(tmp_path / "installed")
    assert (other.pack_folder, other.installed_pack) == (tmp_path / "installed", tmp_path / "installed")
    assert (other.folder, other.own_pack_folder) == (language.folder, language.folder / "pack")
    assert (language.pack_folder, language.installed_pack) == (language.folder / "pack", None)
    assert other.with_pack(None).pack_folder == language.pack_folder


def test_words_are_parted_by_spaces_or_are_letters(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    spaced = load_language(folder)
    assert (spaced.has_spaces, spaced.words("l'eau  bleue")) == (True, ["l'eau", "bleue"])
    toml = folder / "language.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('"Latn"', '"Tavt"'), encoding="utf-8")
    language = load_language(folder)
    assert (language.has_spaces, language.words("ꪎꪱ nba")) == (False, ["ꪎ", "ꪱ", "nba"])
    assert language.share_in_script("ꪎꪱ") == 1.0
