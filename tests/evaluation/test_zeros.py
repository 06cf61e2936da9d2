"""Tests of polycap/evaluation/zeros.py."""

from dataclasses import replace

from polycap.evaluation.summary import summary_lines
from polycap.evaluation.zeros import zero_reasons
from polycap.metrics import score_captions

CAPTIONS = ["ein hund läuft am strand entlang", "zwei kinder spielen im wasser"]
REFERENCES = [["a dog runs along the beach", "a dog at the beach"], ["two children play in the water", "kids swim"]]


def test_a_score_of_0_has_its_reason() -> None:
    scores = score_captions(CAPTIONS, REFERENCES, tokenizer="13a", references_origin="human", normalized=True)
    [reason] = zero_reasons(CAPTIONS, REFERENCES, scores)
    assert reason.startswith("BLEU-1 is 0: hardly a caption has a word of a reference of its photo; ")
    assert "0 of 2 captions share a word with theirs, such as 'ein hund läuft am strand entlang' with 'a dog" in reason
    row = scores.to_json(language="de", split="dev") | {"reasons": [reason]}
    assert any(reason in line for line in summary_lines(row))


def test_cider_of_one_photo_says_why_it_is_0() -> None:
    scores = score_captions(
        ["a dog runs along the beach"], [REFERENCES[0]], tokenizer="13a", references_origin="human", normalized=True
    )
    one = replace(scores, cider_d=0.0)
    assert zero_reasons(["a dog runs along the beach"], [REFERENCES[0]], one) == [
        "CIDEr-D is 0: it weighs words by how few photos' references have them, and there is one photo"
    ]
    assert zero_reasons(["a dog runs along the beach"], [REFERENCES[0]], replace(one, cider_d=None)) == []
