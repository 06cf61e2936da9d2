"""Tests of polycap/metrics/agreement.py."""

import pytest

from polycap.metrics import METRICS, Agreement, corpus_bleu, score_captions
from scored import HYPOTHESES, REFERENCES, score


def test_people_against_each_other() -> None:
    """One reference out in turn; the captions against the same others, so that the two can be compared."""
    agreement = score(REFERENCES).agreement
    assert isinstance(agreement, Agreement)
    assert (agreement.photos, agreement.references_per_photo, agreement.choices) == (4, 2, 3)
    rounds = [
        corpus_bleu([r[k] for r in REFERENCES], [r[:k] + r[k + 1 :] for r in REFERENCES], tokenizer="13a")
        for k in range(3)
    ]
    assert agreement.people["bleu4"] == pytest.approx(sum(rounds) / 3)
    assert agreement.captions["bleu4"] < score(REFERENCES).bleu4  # fewer references, fewer matches
    assert agreement.people.keys() == agreement.captions.keys() == METRICS.keys()


def test_agreement_where_photos_differ_in_references() -> None:
    agreement = score([*REFERENCES[:2], REFERENCES[2][:2], REFERENCES[3][:1]]).agreement
    assert isinstance(agreement, Agreement)
    assert (agreement.photos, agreement.references_per_photo, agreement.choices) == (3, (1, 2), 3)


@pytest.mark.parametrize(
    ("references", "origin", "reason"),
    [
        ([texts[:1] for texts in REFERENCES], "human", "each photo has one reference; two or more are needed"),
        (REFERENCES, "mt:google", "the references are not people's, but mt:google"),
        (REFERENCES, "human+mt:google", "the references are not people's, but human"),
    ],
)
def test_no_agreement_of_people(references: list[list[str]], origin: str, reason: str) -> None:
    scores = score_captions(
        HYPOTHESES, references, tokenizer="13a", references_origin=origin, normalized=True, samples=0
    )
    assert isinstance(scores.agreement, str)
    assert scores.agreement.startswith(reason)
    assert scores.to_json(language="en", split="dev")["human_agreement"] == {"unavailable": scores.agreement}
