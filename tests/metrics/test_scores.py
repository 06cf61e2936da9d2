"""Scores equal those of sacreBLEU's own command line, and bad input is named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from polycap.errors import EvaluationError
from polycap.metrics import METRICS, corpus_bleu, score_captions, scores_per_photo, write_score_files
from scored import HYPOTHESES, REFERENCES, score

UNEQUAL = [REFERENCES[0], REFERENCES[1][:1], ["...", *REFERENCES[2][:2]], ["a girl\non a swing", " "]]


def command_line(folder: Path, *options: str) -> list[float]:
    """Return the scores that `sacrebleu` prints for the files of `write_score_files`."""
    references = map(str, sorted(folder.glob("references.*.txt")))
    files = [*references, "-i", str(folder / "predictions.txt")]
    command = [sys.executable, "-m", "sacrebleu", *files, *options, "-b", "-w", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    printed = done.stdout.strip()
    values = json.loads(printed) if printed.startswith("[") else [float(printed)]
    return [value["score"] if isinstance(value, dict) else float(value) for value in values]


@pytest.mark.parametrize("references", [REFERENCES, UNEQUAL], ids=["three each", "unequal"])
def test_scores_equal_the_command_line(tmp_path: Path, references: list[list[str]]) -> None:
    scores = score(references)
    names = [f"{number}.jpg" for number in range(4)]
    write_score_files(tmp_path, names, HYPOTHESES, references, scores, language="en", split="test")

    assert command_line(tmp_path, "-m", "bleu", "--tokenize", "13a") == [pytest.approx(scores.bleu4, abs=1e-4)]
    chrf = command_line(tmp_path, "-m", "chrf", "--chrf-word-order", "2")
    assert chrf == [pytest.approx(scores.chrf, abs=1e-4)]
    assert 0 < scores.bleu4 < scores.bleu3 < scores.bleu2 < scores.bleu1 < 100


def test_json_has_the_agreed_keys() -> None:
    result = score(UNEQUAL).to_json(language="en", split="test")
    keys = "language split photos references_per_photo references_origin bleu1 bleu2 bleu3 bleu4 chrf cider_d rouge_l"
    keys += " intervals bootstrap human_agreement diversity lengths signature"
    assert list(result) == keys.split()
    assert result["photos"] == 4
    assert result["references_per_photo"] == [1, 3]
    assert json.loads(json.dumps(result)) == result
    assert score(REFERENCES).to_json(language="en", split="test")["references_per_photo"] == 3


@pytest.mark.parametrize(("normalized", "text"), [(True, "text:lc-nopunct"), (False, "text:raw")])
def test_signature_names_everything_that_moves_the_score(normalized: bool, text: str) -> None:
    signature = score(REFERENCES, normalized=normalized).signature
    for part in (
        "BLEU|nrefs:3|bs:1000|seed:12345|case:mixed",
        "CIDEr-D|nrefs:3|bs:1000|seed:12345|tok:13a|n:4|sigma:6.0|df:references|pycocoevalcap:",
        "ROUGE-L|nrefs:3|bs:1000|seed:12345|tok:13a|beta:1.2|",
        "tok:13a",
        "smooth:exp",
        "chrF2++|nrefs:3",
        "nw:2",
        "version:",
        text,
    ):
        assert part in signature
    assert signature.endswith("refs:human")
    assert "nrefs:var" in score(UNEQUAL).signature


@pytest.mark.parametrize(
    ("origin", "sign"),
    [
        ("human", "human"),
        ("human-revised", "human-revised"),
        ("mt:argos/en_de@1.0", "mt.argos.en_de.1.0"),
        ("human+mt:argos/en_de@1.0", "human+mt.argos.en_de.1.0"),
        ("mt:ein|Übersetzer", "mt.ein..bersetzer"),
    ],
)
def test_the_signature_names_the_references_in_its_own_alphabet(origin: str, sign: str) -> None:
    scores = score_captions(HYPOTHESES, REFERENCES, tokenizer="13a", references_origin=origin, normalized=True)
    assert scores.signature.endswith(f"|refs:{sign}")
    assert scores.to_json(language="de", split="dev")["references_origin"] == origin


def test_intervals_are_sacrebleus(tmp_path: Path) -> None:
    """The same seed, the same samples; and none where none are asked for."""
    scores = score(REFERENCES)
    captions, texts = [*HYPOTHESES[:3]] * 3, REFERENCES[:3] * 3  # sacreBLEU's own can't do it where nothing matches
    some = score_captions(captions, texts, tokenizer="13a", references_origin="human", normalized=True)
    write_score_files(tmp_path, list("abcdefghi"), captions, texts, some, language="en", split="test")
    references = map(str, sorted(tmp_path.glob("references.*.txt")))
    options = ["-m", "chrf", "--chrf-word-order", "2", "--confidence", "-w", "4", "-f", "text"]
    command = [sys.executable, "-m", "sacrebleu", *references, "-i", str(tmp_path / "predictions.txt"), *options]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"± {some.intervals['chrf']:.4f}" in printed
    assert scores.intervals.keys() == METRICS.keys()
    assert (scores.samples, scores.seed) == (1000, 12345)
    assert scores == score(REFERENCES)
    plain = score_captions(
        HYPOTHESES, REFERENCES, tokenizer="13a", references_origin="human", normalized=True, samples=0
    )
    assert plain.intervals == {}
    assert "bs:" not in plain.signature
    assert plain.cider_d == scores.cider_d


def test_intervals_where_some_samples_match_nothing() -> None:
    """sacreBLEU's own corpus_score (2.6) ends in a TypeError here."""
    texts = ["a dog runs home", "zzz"]
    scores = score_captions(
        texts, [[texts[0]], ["q"]], tokenizer="13a", references_origin="human", normalized=True, samples=50
    )
    assert scores.intervals["chrf"] == pytest.approx(50)  # from 0, of the second alone, to 100, of the first


def test_no_hint_of_sacrebleus_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("sacrebleu.significance.IS_WINDOWS", True)  # where it would say that tests are not parallel
    score(REFERENCES)
    assert caplog.messages == []


def test_an_interval_of_equal_photos_is_nothing() -> None:
    texts = ["a dog runs home"] * 6
    same = score_captions(
        texts, [[t] for t in texts], tokenizer="13a", references_origin="human", normalized=True, samples=50
    )
    assert same.intervals["bleu4"] == pytest.approx(0)
    assert same.intervals["rouge_l"] == pytest.approx(0)


def test_without_the_extra_the_rest_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    full = score(REFERENCES)
    monkeypatch.setitem(sys.modules, "pycocoevalcap.cider.cider", None)
    scores = score(REFERENCES)
    assert (scores.cider_d, scores.rouge_l, scores.bleu4) == (None, None, full.bleu4)
    row = scores.to_json(language="en", split="dev")
    assert 'pip install "polycap[metrics]"' in row["missing"]
    assert row["cider_d"] is None
    assert "CIDEr" not in scores.signature
    assert "missing" not in full.to_json(language="en", split="dev")
    name, values = scores_per_photo(HYPOTHESES, REFERENCES, "13a")
    assert name == "sentence BLEU-4"
    assert values[3] == 0 < values.max() <= 100


def test_the_best_caption_of_a_photo() -> None:
    name, values = scores_per_photo(HYPOTHESES, REFERENCES, "13a")
    assert name == "CIDEr-D"
    assert values.shape == (4,)
    assert values.mean() == pytest.approx(score(REFERENCES).cider_d)


def test_score_files_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    for references in (REFERENCES, [texts[:1] for texts in REFERENCES]):
        write_score_files(tmp_path, names, HYPOTHESES, references, score(references), language="en", split="dev")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["photos.txt", "predictions.txt", "references.0.txt", "scores.json"]
    assert (tmp_path / "photos.txt").read_text().splitlines() == names
    assert (tmp_path / "predictions.txt").read_text().split("\n")[:-1] == HYPOTHESES
    assert json.loads((tmp_path / "scores.json").read_text())["split"] == "dev"


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "no captions"),
        (["a dog"], [], "1 captions for the references of 0 photos"),
        (["a dog", "a cat"], [["a dog"], []], r"1 of 2 photos have no reference \(photo number 2\)"),
        (["a dog"], [["  "]], "have no reference"),
    ],
)
def test_what_cannot_be_scored_is_named(hypotheses: list[str], references: list[list[str]], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        corpus_bleu(hypotheses, references, tokenizer="13a")


def test_photos_and_captions_must_match(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="1 photos for 4 captions"):
        write_score_files(tmp_path, ["a"], HYPOTHESES, REFERENCES, score(REFERENCES), language="en", split="test")


def test_importing_metrics_does_not_import_sacrebleu() -> None:
    code = "import sys, polycap.metrics; sys.exit('sacrebleu' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
