"""Tests of polycap/contract/checks.py."""

import shutil
from pathlib import Path

import pytest

from language_folders import CHINESE, ENGLISH, TURKISH, faults_of, make_folder, outcomes
from polycap.contract import check_language
from polycap.errors import EvaluationError
from polycap.language import get_language

MONGOLIAN = list(get_language("mn-Mong").samples)

# --- script and samples ---


@pytest.mark.parametrize(
    ("code", "script", "direction", "samples", "words"),
    [
        ("qaa", "Latn", "rtl", ENGLISH, ":direction: received 'rtl' for Latn; allowed: 'ltr'"),
        ("qaa", "Latn", "ttb", ENGLISH, ":direction: received 'ttb' for Latn; allowed: 'ltr'"),
        ("qaa", "Mong", "ltr", MONGOLIAN, ":direction: received 'ltr' for Mong; allowed: 'ttb'"),
        ("qaa", "Qaaa", "ltr", ENGLISH, ":script: received 'Qaaa'; allowed: a script that Unicode has letters of"),
        ("qaa", "Zyyy", "ltr", ENGLISH, ":script: received 'Zyyy'"),
        ("zh-Hant", "Hans", "ltr", CHINESE, ":script: received 'Hans' for zh-Hant; allowed: 'Hant'"),
        ("qaa-Cyrl", "Latn", "ltr", ENGLISH, ":script: received 'Latn' for qaa-Cyrl; allowed: 'Cyrl'"),
    ],
)
def test_script(tmp_path: Path, code: str, script: str, direction: str, samples: list[str], words: str) -> None:
    tables = '[evaluation]\nsacrebleu_tokenizer = "zh"' if samples == CHINESE else ""
    folder = make_folder(tmp_path, code, script, direction, samples=samples, tables=tables)
    (fault,) = faults_of(folder, "script")
    assert f"language.toml{words}" in fault


@pytest.mark.parametrize("count", range(5))
def test_too_few_samples_are_one_fault(tmp_path: Path, count: int) -> None:
    folder = make_folder(tmp_path, samples=ENGLISH[:count], hooks="def normalize(text): return text")
    (fault,) = faults_of(folder, "samples")
    assert fault.endswith(f"write {5 - count} more captions as Exemplum writes them")
    assert outcomes(check_language(folder))["tokenizer"] == outcomes(check_language(folder))["metric"] == "skipped"
    (folder / "samples.toml").unlink()
    assert faults_of(folder, "samples")[0].endswith("write 5 more captions as Exemplum writes them")


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("Коричневый пёс бежит по траве.", "with 'Коричневыйпёсбжта'; allowed: letters of Latn"),
        ("Коричневый dog", "with 'Коричневый'"),
        ("42, 7!", "'42, 7!', without a letter"),
        ("🐕 ❤\ufe0f ⚽", "without a letter"),
        (ENGLISH[0], "allowed: another caption each"),
        ("a tabby CAT is asleep – on a warm windowsill", "allowed: another caption each"),
    ],
)
def test_samples(tmp_path: Path, sample: str, words: str) -> None:
    (fault,) = faults_of(make_folder(tmp_path, samples=[*ENGLISH, sample]), "samples")
    assert "samples.toml:samples[5]: received " in fault
    assert words in fault


def test_a_name_in_other_letters_may_stand_in_a_sample(tmp_path: Path) -> None:
    assert (
        faults_of(make_folder(tmp_path, samples=[*ENGLISH, "Two people under a large sign that says Кафе ☕."])) == []
    )


# --- normalisation ---


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('text.replace("e", "")', "samples[0]: received 'a tabby cat is aslp on a warm windowsill'"),
        ('text.replace("ß", "")', "2 letters vanish: ßẞ; allowed"),
        (
            'text.replace("ß", "ss").replace("ñ", "")',
            "2 letters vanish: Ññ; allowed",
        ),  # as many letters as before, in all
        ('"".join(c for c in text if c < "\\x7f")', " letters vanish: ÀÁÂÃÄ"),
        ('__import__("re").sub(r"[^a-z ]", "", text)', "'a woman in a yellow coat is buying oranges at a market st"),
        ('" ".join(sorted(text.split()))', "received 'a a asleep cat is"),
        ('text + " x"', "which becomes"),
        ('text.replace("cat", "black cat")', "which becomes"),
        ('""', "received ''; allowed: these letters"),
    ],
)
def test_a_hook_that_harms_the_text(tmp_path: Path, body: str, words: str) -> None:
    folder = make_folder(tmp_path, hooks=f"def normalize(text):\n    return {body}")
    report = check_language(folder)
    assert outcomes(report)["normalization"] == "failed"
    assert outcomes(report)["hook"] == "ok"  # pure it is
    assert words in "\n".join(report.lines())


@pytest.mark.parametrize(
    "hooks",
    [
        "def normalize(text): return text",
        "def normalize(text): return text.replace('ß', 'ss').replace('œ', 'oe')",  # more letters than before
        "def normalize(text): return ' '.join(text)",  # parts words: each letter is one
        "def normalize(text): return text.replace(' ', '  ') + ' . '",  # what the settings put right again
        "import functools\n@functools.cache\ndef normalize(text): return text.replace('ş', 'ș')",  # remembers, and may
        "import re\nmine = re.compile('x+')\ndef normalize(text):\n    import string\n    return mine.sub('x', text)",
        "def normalize(text):\n    with open(__file__) as me: me.read()\n    return text",
    ],
)
def test_hooks_that_are_fine(tmp_path: Path, hooks: str) -> None:
    report = check_language(make_folder(tmp_path, hooks=hooks))
    assert report.faults == ()
    assert outcomes(report)["hook"] == "ok"


def test_an_edited_hook_is_loaded_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, hooks="def normalize(text): return text.replace('e', '')")
    assert faults_of(folder, "normalization")
    (folder / "hooks.py").write_text("def normalize(text): return text")
    assert faults_of(folder) == []


def test_turkish_needs_its_casing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, "tr", samples=TURKISH)
    faults = faults_of(folder, "normalization")
    assert len(faults) == 2  # of the samples with İ
    assert "language.toml:text.casing: received 'iki çocuk parkta" in faults[0]
    assert faults[0].endswith('fix: write casing = "turkic"')
    shutil.rmtree(folder)
    assert faults_of(make_folder(tmp_path, "tr", samples=TURKISH, tables='[text]\ncasing = "turkic"')) == []


# --- tokenizer and metric ---


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            "character_coverage = 0.98",
            "allowed: the same text again, without <unk>; fix: raise vocab_size or character",
        ),
        ("vocab_size = 16", "language.toml:tokenizer: received can't train a unigram tokenizer"),
        ('model_type = "char"\nvocab_size = 20', "fix: raise vocab_size or character_coverage"),
    ],
)
def test_tokenizer(tmp_path: Path, settings: str, words: str) -> None:
    faults = faults_of(make_folder(tmp_path, tables=f"[tokenizer]\n{settings}"), "tokenizer")
    assert words in "\n".join(faults)


def test_metric_of_an_unknown_name(tmp_path: Path) -> None:
    for code, name in (("qaa", "nonsense"), ("qab", "flores200")):  # the latter would download
        folder = make_folder(tmp_path, code, tables=f'[evaluation]\nsacrebleu_tokenizer = "{name}"')
        (fault,) = faults_of(folder, "metric")
        assert f"language.toml:evaluation.sacrebleu_tokenizer: received '{name}'; allowed: 13a, char, " in fault


def test_metric_that_sees_no_words(tmp_path: Path) -> None:
    (fault,) = faults_of(make_folder(tmp_path, "zh", "Hans", samples=CHINESE), "metric")
    assert "received 0.00 BLEU for the samples against themselves; allowed: 100" in fault
    assert "if '13a' sees no words in Exemplum" in fault


def test_metric_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> float:
        raise EvaluationError("tokenizer 'x' is not installed: pip install x")

    monkeypatch.setattr("polycap.contract.checks.corpus_bleu", missing)
    report = check_language(make_folder(tmp_path))
    assert report.faults == ()
    assert "  skipped  metric: tokenizer 'x' is not installed: pip install x" in report.lines()


# --- hooks ---


@pytest.mark.parametrize(
    "hooks",
    [
        "import random\ndef normalize(text): return text + str(random.random())",
        "import uuid\ndef normalize(text): return text + uuid.uuid4().hex",
        "n = 0\ndef normalize(text):\n    global n\n    n += 1\n    return text + 'a' * n",
        "seen = []\ndef normalize(text):\n    seen.append(text)\n    return text * seen.count(text)",
        "import time\ndef normalize(text): return text + str(time.perf_counter_ns())",
    ],
)
def test_a_hook_that_depends_on_more_than_the_text(tmp_path: Path, hooks: str) -> None:
    folder = make_folder(tmp_path, hooks=hooks)
    report = check_language(folder)
    assert outcomes(report)["hook"] == "failed"
    line = next(line for line in report.lines() if f"{folder / 'hooks.py'}:normalize: received " in line)
    assert line.endswith("; allowed: the same each time; fix: let it depend on the text alone")


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ("def normalize(text): raise ValueError('no\\nway')", "failed (ValueError: no way)"),
        ("def normalize(text): raise SystemExit(0)", "failed (SystemExit: 0)"),
        ("def normalize(text): return None", "returned a NoneType; it must return a str"),
        ("def normalise(text): return text", "has no function normalize(text)"),
        ("def normalize(text)", "can't be loaded (SyntaxError: "),
        ("import sys\nsys.exit()", "can't be loaded (SystemExit)"),
    ],
)
def test_a_hook_that_fails(tmp_path: Path, hooks: str, words: str) -> None:
    folder = make_folder(tmp_path, hooks=hooks)
    faults = faults_of(folder, "normalization", "tokenizer", "metric", "hook")
    assert all(words in fault and fault.startswith(f"{folder / 'hooks.py'}: ") for fault in faults)
