"""Tests of polycap/translation/argos/engine.py: tiny packages and real ones, compared with Argos."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.errors import TranslationError
from polycap.translation.argos import model as argos_model
from polycap.translation.argos.engine import ArgosEngine, ArgosTranslator, find_route
from polycap.translation.engine import Translation, open_translator

pytest.importorskip("argostranslate")
ctranslate2 = pytest.importorskip("ctranslate2")

SENTENCES = [
    "A dog runs .",
    "Two dogs are running through the snow .",
    "a",
    "A man in a red shirt stands on a rock , and another_man watches !",
    "two boys play",
    'The ☃ is "cold" & wet ; isn\'t it ?',
    "A dog runs .",
]


# --- tiny packages ---


def fill(spec: Any, generator: np.random.Generator, size: int, words: int) -> None:
    """Give a CTranslate2 specification random weights."""

    def array(*shape: int) -> Any:
        return generator.standard_normal(shape).astype(np.float32) * 0.5

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(size, np.float32), np.zeros(size, np.float32)

    def attention(layer: Any, parts: Sequence[int]) -> None:
        norm(layer.layer_norm)
        for linear, part in zip(layer.linear, parts, strict=True):
            linear.weight, linear.bias = array(part * size, size), array(part * size)

    for side in (spec.encoder, spec.decoder):
        embeddings = side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings
        embeddings.weight = array(words, size)
        norm(side.layer_norm)
        for layer in side.layer:
            attention(layer.self_attention, (3, 1))
            if side is spec.decoder:
                attention(layer.attention, (1, 2, 1))
            norm(layer.ffn.layer_norm)
            for linear in (layer.ffn.linear_0, layer.ffn.linear_1):
                linear.weight, linear.bias = array(size, size), array(size)
    spec.decoder.projection.weight, spec.decoder.projection.bias = array(words, size), array(words)
    spec.decoder.projection.bias[2] += 3  # sentences do end


def make_package(folder: Path, source: str, target: str, **metadata: Any) -> Path:
    """Write an installed Argos package with fixed random weights."""
    import sentencepiece

    path = folder / f"{source}_{target}"
    path.mkdir(parents=True)
    (path / "minisbd").mkdir()
    facts = {"from_code": source, "from_name": source, "to_code": target, "to_name": target, "package_version": "1.0"}
    (path / "metadata.json").write_text(json.dumps(facts | metadata))
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter([text for text in SENTENCES if text.isascii()] * 20),
        model_prefix=str(path / "sentencepiece"),
        vocab_size=50,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path / "sentencepiece.model"))
    words = [pieces.id_to_piece(index) for index in range(pieces.get_piece_size())]
    spec = ctranslate2.specs.TransformerSpec.from_config(num_layers=1, num_heads=2)
    fill(spec, np.random.default_rng(len(source + target) + ord(target[-1])), 16, len(words))
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.validate()
    spec.optimize(quantization="int8")
    (path / "model").mkdir()
    spec.save(str(path / "model"))
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages `xa→xb`, `xb→xc`, one with a prefix, and one with byte pairs; read-only."""
    folder = tmp_path_factory.mktemp("argos") / "packages"
    make_package(folder, "xa", "xb")
    make_package(folder, "xb", "xc")
    make_package(folder, "xa", "xp", target_prefix="▁a")
    bpe = make_package(folder, "xa", "xq")
    (bpe / "sentencepiece.model").unlink()
    (bpe / "bpe.model").write_text("#version: 0.2\nd o\n", encoding="utf-8")
    return folder


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models compute in float32, Argos' too.

    In int8 a last bit that differs with the batch, on some processors, can become a step of 1/127, by which random
    weights choose another token.
    """
    monkeypatch.setenv("ARGOS_COMPUTE_TYPE", "float32")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """Function that sets Argos' folder of packages."""

    def choose(folder: Path) -> Path:
        monkeypatch.setenv("ARGOS_PACKAGES_DIR", str(folder))
        return folder

    return choose


ARGOS = """
import json, sys
from argostranslate import package, sbd, translate
if sys.argv[1] == "one sentence":  # what the real packages' splitter does; the tiny ones have none
    sbd.MiniSBDSentencizer.split_sentences = lambda self, text: [text]
for source, target, texts in json.load(sys.stdin):
    found = [translate.translate(text, source, target) for text in texts]
    print(json.dumps(found))
"""


def argos(packages: Path, asked: list[tuple[str, str, Sequence[str]]], splitter: str = "") -> list[list[str]]:
    """Translate sentences by Argos, one by one, in a process with its own home."""
    home = packages.parent / "home"
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "ARGOS_COMPUTE_TYPE") if name in os.environ}
    environment = {**kept, "HOME": str(home), "ARGOS_PACKAGES_DIR": str(packages)}
    done = subprocess.run(
        [sys.executable, "-c", ARGOS, splitter],
        input=json.dumps(asked),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- as Argos does ---


@pytest.mark.usefixtures("exact")
def test_texts_are_those_of_argos_also_by_pivot_prefix_and_byte_pairs(tiny: Path, use: Callable[[Path], Path]) -> None:
    use(tiny)
    pairs = [("xa", "xb"), ("xb", "xc"), ("xa", "xc"), ("xa", "xp"), ("xa", "xq")]
    theirs = argos(tiny, [(*pair, SENTENCES) for pair in pairs], "one sentence")
    for pair, expected in zip(pairs, theirs, strict=True):
        ours = ArgosEngine().open(*pair).translate(SENTENCES)
        assert [translation.text for translation in ours] == expected, pair
        assert len(set(expected)) > 3, pair  # the sentences are different ones to the model, too


def captions(shared: Path, count: int) -> list[str]:
    """Captions of Flickr8k, spread over the file."""
    rows = (shared / "flickr8k" / "captions.txt").read_text(encoding="utf-8").splitlines()[1:]
    texts = [row.partition(",")[2].strip('"') for row in rows[:: len(rows) // count]]
    return texts[:count]


@pytest.fixture(scope="module")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four real packages, installed; read-only."""
    folder = tmp_path_factory.mktemp("real") / "packages"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARGOS_PACKAGES_DIR", str(folder))
        for path in sorted((shared / "argos").glob("*.argosmodel")):
            ArgosEngine().install_file(path)
    return folder


def test_real_captions_are_translated_as_argos_does(real: Path, shared: Path, use: Callable[[Path], Path]) -> None:
    use(real)
    texts = captions(shared, 100)
    asked: list[tuple[str, str, Sequence[str]]] = [
        ("en", target, texts if target == "de" else texts[:20]) for target in ("de", "es", "fr", "pb")
    ]
    for (source, target, some), expected in zip(asked, argos(real, asked), strict=True):
        translator = open_translator("argos", source, target)
        assert translator.identity == f"argos/en_{target}@0.1"
        ours = translator.translate(some)
        assert [translation.text for translation in ours] == expected
        assert all(translation.score is not None and -4 < translation.score < 0 for translation in ours)


def test_a_text_does_not_depend_on_its_batch(
    real: Path, shared: Path, use: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(real)
    texts = captions(shared, 200)
    translator = ArgosEngine().open("en", "de")
    together = translator.translate(texts)
    assert translator.translate(texts) == together
    monkeypatch.setattr(argos_model, "BATCH_TOKENS", 1)
    alone = translator.translate(texts)
    assert [translation.text for translation in alone] == [translation.text for translation in together]
    scores = [(one.score or 0.0, other.score or 0.0) for one, other in zip(alone, together, strict=True)]
    assert max(abs(one - other) for one, other in scores) < 0.02


# --- what comes back ---


@pytest.mark.usefixtures("exact")
def test_order_repeats_and_empty_texts(tiny: Path, use: Callable[[Path], Path]) -> None:
    use(tiny)
    translator = ArgosEngine().open("xa", "xb")
    first = translator.translate(SENTENCES)
    assert first[0] == first[-1]
    assert translator.translate([]) == []
    assert translator.translate(["", " \n", *reversed(SENTENCES), "\u200b"]) == [
        *[Translation("")] * 2,
        *reversed(first),
        Translation(""),
    ]


@pytest.mark.usefixtures("exact")
def test_a_score_is_the_mean_log_probability_of_the_tokens(tiny: Path, use: Callable[[Path], Path]) -> None:
    """Without length penalty, CTranslate2 gives the sum; the end of the sentence is a token, too."""
    package = use(tiny) / "xa_xb"
    translator = ArgosEngine().open("xa", "xb")
    [model] = translator._models
    tokens = [model._tokenizer.encode(text) for text in SENTENCES]
    bare = ctranslate2.Translator(str(package / "model"), compute_type="float32")
    penalized, plain = (
        bare.translate_batch(tokens, beam_size=4, length_penalty=penalty, return_scores=True) for penalty in (0.2, 0)
    )
    same = 0
    for one, other, translation in zip(penalized, plain, translator.translate(SENTENCES), strict=True):
        if one.hypotheses == other.hypotheses:
            same += 1
            mean = other.scores[0] / (len(other.hypotheses[0]) + 1)
            assert translation.score == pytest.approx(mean, abs=0.001)
    assert same > 3


def test_unknown_tokens_are_counted_also_over_a_pivot(tiny: Path, use: Callable[[Path], Path]) -> None:
    use(tiny)
    plain, strange = ArgosEngine().open("xa", "xb").translate(["A dog runs .", "A 猫 runs ☂ ."])
    assert (plain.unknown, strange.unknown) == (0, 2)
    assert ArgosEngine().open("xa", "xc").translate(["A 猫 runs ☂ ."])[0].unknown >= 2
    assert ArgosEngine().open("xa", "xq").translate(["dog"])[0].unknown > 0


def test_a_text_too_long_for_the_model_is_left_empty_with_a_warning(
    tiny: Path, use: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    use(tiny)
    answers = ArgosEngine().open("xa", "xb").translate(["dog " * 500, "A dog runs ."])
    assert answers[0] == Translation("")
    assert answers[1].text
    assert "tokens; at most 200 are translated, so its translation is empty" in caplog.text


# --- what is there ---


def test_pairs_and_identities(tiny: Path, use: Callable[[Path], Path]) -> None:
    use(tiny)
    assert ArgosEngine().pairs() == [("xa", "xb"), ("xa", "xc"), ("xa", "xp"), ("xa", "xq"), ("xb", "xc")]
    assert ArgosEngine().open("xa", "xc").identity == "argos/xa_xb@1.0+xb_xc@1.0"


def test_a_pair_that_is_not_installed(tmp_path: Path, use: Callable[[Path], Path]) -> None:
    use(tmp_path / "none")
    with pytest.raises(TranslationError, match=r"no Argos package xa→xz is installed; .*--install.*`package` FILE"):
        open_translator("argos", "xa", "xz")


@pytest.mark.parametrize(
    ("pairs", "route"),
    [
        ("ab", "ab"),
        ("ax xb ab", "ab"),
        ("xb ay ax yb", "ax xb"),
        ("ba ax xa xy yb", "ax xy yb"),
        ("ax xa", ""),
        ("", ""),
    ],
)
def test_routes(pairs: str, route: str) -> None:
    def listed(text: str) -> list[tuple[str, str]]:
        return [(pair[0], pair[1]) for pair in text.split()]

    assert find_route(listed(pairs), "a", "b") == listed(route)
    assert find_route([("a", "b"), ("b", "a")], "a", "a") == []


# --- settings and faults ---


def test_the_compute_type_is_explicit_and_argos_setting_changes_it(
    tiny: Path, use: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(tiny)

    def computes_in() -> str:
        [model] = ArgosEngine().open("xa", "xb")._models
        return str(model._translator.compute_type)

    assert computes_in().startswith("int8")
    monkeypatch.setenv("ARGOS_COMPUTE_TYPE", "float32")
    assert computes_in() == "float32"
    monkeypatch.setenv("ARGOS_COMPUTE_TYPE", "auto")
    assert computes_in().startswith("int8")  # as it is stored
    monkeypatch.setenv("ARGOS_COMPUTE_TYPE", "int3")
    with pytest.raises(TranslationError, match=r"ARGOS_COMPUTE_TYPE: .* can't compute in 'int3'; choose one of .*int8"):
        computes_in()


@pytest.mark.parametrize("name", ["model/model.bin", "sentencepiece.model"])
@pytest.mark.parametrize("body", [b"", b"torn" * 100])
def test_a_broken_package_is_named(
    name: str, body: bytes, tiny: Path, tmp_path: Path, use: Callable[[Path], Path]
) -> None:
    folder = use(tmp_path / "packages")
    shutil.copytree(tiny / "xa_xb", folder / "xa_xb")
    (folder / "xa_xb" / name).write_bytes(body)
    with pytest.raises(TranslationError, match=r"xa_xb: its .* can't be loaded .*; delete that folder and install"):
        ArgosEngine().open("xa", "xb")


@pytest.mark.parametrize("body", ["", "{}", "7"])
def test_unknown_words_are_not_counted_without_a_vocabulary(body: str, tmp_path: Path) -> None:
    (tmp_path / "source_vocabulary.json").write_text(body)
    assert argos_model._source_vocabulary(tmp_path) == frozenset()
    (tmp_path / "source_vocabulary.json").unlink()
    (tmp_path / "source_vocabulary.txt").write_text("a\nb\n")
    assert argos_model._source_vocabulary(tmp_path) >= {"a", "b"}


@pytest.mark.parametrize("module", ["ctranslate2", "argostranslate.tokenizer"])
def test_a_package_of_python_that_is_missing_is_named(
    module: str, tiny: Path, use: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(tiny)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(TranslationError, match=r'Argos needs .*: pip install "polycap\[translate\]"'):
        ArgosEngine().open("xa", "xb")


def test_a_failure_of_ctranslate2_is_a_translation_error(
    tiny: Path, use: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(tiny)
    monkeypatch.setattr(argos_model, "MAX_TOKENS", 5_000)
    monkeypatch.setattr(argos_model, "BEAM_SIZE", 0)
    translator = ArgosEngine().open("xa", "xb")
    with pytest.raises(TranslationError, match="CTranslate2 failed"):
        translator.translate(["A dog runs ."])


def test_no_folder_is_created_in_the_users_home(tiny: Path, tmp_path: Path) -> None:
    code = "from polycap.translation.engine import open_translator as o; o('argos', 'xa', 'xb').translate(['A dog'])"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ARGOS_PACKAGES_DIR": str(tiny)}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_memory_is_flat_over_many_calls(tiny: Path, use: Callable[[Path], Path]) -> None:
    """Users of Argos report growth over thousands of calls."""
    logging.getLogger("ctranslate2").setLevel(logging.WARNING)
    if not Path("/proc/self/statm").is_file():
        pytest.skip("needs /proc")
    use(tiny)
    translator: ArgosTranslator = ArgosEngine().open("xa", "xb")

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(20):
        translator.translate(SENTENCES)
    before = resident()
    for _ in range(60):
        translator.translate(SENTENCES)
    assert resident() - before < 20 << 20
