"""Tests of polycap/pack/card.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from packs import Parts
from polycap.errors import PackError
from polycap.language.settings import DecodingSettings
from polycap.metrics import score_captions
from polycap.pack.card import read_card
from polycap.pack.card_text import card_text
from polycap.pack.pack import load_pack
from polycap.pack.record import record_scores, record_search
from tiny import change_json

pytest_plugins = ["tiny_fixtures"]

SCORES: dict[str, Any] = {
    "language": "qaa",
    "split": "test",
    "photos": 2,
    "references_per_photo": 5,
    "references_origin": "human",
    "bleu1": 61.25,
    "bleu2": 42.5,
    "bleu3": 29.0,
    "bleu4": 20.04,
    "chrf": 40.0,
    "signature": "BLEU|nrefs:5 + chrF2++|nrefs:5 + text:lc-nopunct|refs:human",
}


def test_the_text_of_the_card(saved: Path, parts: Parts) -> None:
    text = (saved / "CARD.md").read_text(encoding="utf-8")
    assert text.startswith("# polycap pack: qaa\n")
    parts_named = (
        "made up: use it as you like",
        "- name: twelve photos",
        f"- encoder: {parts.encoder.identity}",
        "2020-02-02",
    )
    for expected in (*parts_named, f"`{parts.decoder.settings.kind}`", parts.tokenizer.identity, "None recorded yet"):
        assert expected in text


def test_scores_are_recorded_and_replaced(pack: Path, parts: Parts) -> None:
    before = load_pack(pack, parts.encoder)
    record_scores(pack, SCORES)
    record_scores(pack, {**SCORES, "split": "dev", "bleu4": 19.0})
    record_scores(pack, {**SCORES, "references_origin": "mt:x", "signature": "BLEU + text:lc-nopunct|refs:mt:x"})
    record_scores(pack, {**SCORES, "signature": "BLEU + text:raw|refs:human", "bleu4": 11.0})
    record_scores(pack, {**SCORES, "bleu4": 21.17, "signature": SCORES["signature"].replace("nrefs:5", "nrefs:var")})
    card = load_pack(pack, parts.encoder).card
    assert card.model_copy(update={"scores": []}) == before.card
    found = [(row["split"], row["references_origin"], row["bleu4"]) for row in card.scores]
    assert found == [
        ("dev", "human", 19.0),
        ("test", "mt:x", 20.04),
        ("test", "human", 11.0),  # raw text is another subject
        ("test", "human", 21.17),
    ]
    text = (pack / "CARD.md").read_text(encoding="utf-8")
    assert "| test | human | 2 | 61.2 | 42.5 | 29.0 | 21.2 | 40.0 | – | – |" in text
    assert "nrefs:var" in text
    assert "20.0 |" in text  # the machine-translated references' row
    assert "None recorded" not in text


def test_the_search_that_a_build_chose(pack: Path) -> None:
    """It goes before the defaults, and `language.toml` before it."""
    before = (pack / "card.json").read_bytes()
    own = DecodingSettings(length_penalty=0.7, max_length=7)
    assert read_card(pack).search_settings(own) is own
    record_search(pack, DecodingSettings(length_penalty=1.0, min_length=8, minimum_bayes_risk=True))
    card = read_card(pack)
    assert json.loads((pack / "card.json").read_bytes())["decoding"] == {
        "length_penalty": 1.0,
        "min_length": 8,
        "minimum_bayes_risk": True,
    }
    assert "- min_length: 8\n" in (pack / "CARD.md").read_text(encoding="utf-8")
    expected = {"length_penalty": 0.7, "max_length": 7, "min_length": 7, "minimum_bayes_risk": True}
    assert card.search_settings(own) == DecodingSettings.model_validate(expected)
    record_search(pack, None)
    assert (pack / "card.json").read_bytes() == before  # as in cards before there was a choice
    change_json(pack / "card.json", decoding={"min_length": -1})
    with pytest.raises(PackError, match=r"card\.json:decoding\.min_length: "):
        read_card(pack)


def test_calibration_stays_when_scores_are_entered(pack: Path) -> None:
    weights = (pack / "decoder.safetensors").read_bytes()
    change_json(pack / "card.json", calibration={"temperature": 1.5})
    record_scores(pack, SCORES)
    card = read_card(pack)
    assert (card.calibration, len(card.scores)) == ({"temperature": 1.5}, 1)
    assert (pack / "decoder.safetensors").read_bytes() == weights


def test_the_card_has_intervals_human_agreement_and_diversity(pack: Path) -> None:
    """The card has no histograms."""
    scores = score_captions(
        ["a red circle on white"] * 2,
        [["a red circle", "a circle on white"]] * 2,
        tokenizer="13a",
        references_origin="human",
        normalized=True,
    )
    record_scores(pack, scores.to_json(language="qaa", split="dev"))
    [row] = read_card(pack).scores
    assert "lengths" not in row
    assert row["human_agreement"]["references_per_photo"] == 1
    assert row["diversity"]["distinct"] == 1
    text = (pack / "CARD.md").read_text(encoding="utf-8")
    assert f"| dev | human | 2 | {scores.bleu1:.1f} ± 0.0 |" in text
    assert "| people's captions, against 1 reference | human | 2 |" in text
    assert "1 of 2 captions are different" in text


def test_the_shipped_texts_are_those_of_their_cards() -> None:
    """After a change of the text: write `card_text(read_card(folder))` into each `CARD.md`."""
    texts = list((Path(__file__).parents[2] / "languages").glob("*/pack/CARD.md"))
    assert len(texts) >= 7
    for text in texts:
        assert text.read_text(encoding="utf-8") == card_text(read_card(text.parent)), text


def test_scores_of_no_pack(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no trained pack here"):
        record_scores(tmp_path, SCORES)
