"""`scripts/bench`: that its baselines do what polycap does, word by word and prefix by prefix, and what it prints."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import caption, cli, every, flat, language, sides, table
from benchmarks.options import BenchError, Options
from benchmarks.startup import Command
from benchmarks.tutorial_caption import WordByWord
from benchmarks.tutorial_train import TutorialTraining, create_sequences, data_generator
from polycap.decoder.base import Decoder
from polycap.decoder.search import Search
from polycap.features.prepare import open_plain_view
from polycap.language import Language, get_language
from polycap.language.settings import DecodingSettings
from polycap.pack.pack import load_pack
from polycap.pipeline.stages.features import FeaturesStage
from polycap.text.tokenizer import BOS, EOS, PAD, Tokenizer
from tiny import CODE, KINDS, World, make_decoder, make_features

pytest_plugins = ["tiny_fixtures"]

SCRIPT = Path(cli.__file__).parent.parent / "bench.py"


class Here:
    """A seat in this process: TensorFlow takes seconds to load, and is here already."""

    def __init__(self, make: Callable[[], sides.Side]) -> None:
        self._side = make()
        self._side.warm_up()
        self.about, self.size = self._side.about, self._side.size

    def turn(self) -> sides.Turn:
        return self._side.turn()

    def memory_mb(self) -> int:
        return 1

    def close(self) -> None:
        pass


@pytest.fixture
def seated_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(sides, "SideProcess", Here)
    monkeypatch.setattr(caption, "apart", call)
    monkeypatch.setattr(flat, "apart", call)


def bench(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Return the output of a stage."""
    cli.main([str(argument) for argument in arguments])
    return capsys.readouterr().out


# --- the baselines ---


def greedy(decoder: Decoder, features: Any, length: int) -> list[int]:
    """The likeliest token after the likeliest token, step by step: features `(cells, channels)` → token ids."""
    memory, state = decoder.prepare(features[None])
    token_ids = [BOS]
    while len(token_ids) <= length:
        log_probs, state = decoder.step(np.array([token_ids[-1:]], dtype=np.int32), state, memory)
        token_ids.append(int(np.argmax(np.asarray(log_probs)[0, 0, EOS:])) + EOS)
        if token_ids[-1] == EOS:
            break
    return token_ids[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_the_captioning_loop_takes_the_likeliest_words(kind: str, tiny_tokenizer: Tokenizer) -> None:
    decoder = make_decoder(kind, vocab_size=tiny_tokenizer.vocab_size)
    features = make_features(4)
    expected = [tiny_tokenizer.decode(greedy(decoder, photo, 8)) for photo in features]
    loop = WordByWord(decoder, tiny_tokenizer, 8)
    assert [loop.caption(photo) for photo in features] == expected
    assert len(set(expected)) > 1  # the photo decides
    assert max(map(len, expected)) > 3


def test_the_captioning_loop_finds_the_words_of_greedy_search(world: World) -> None:
    """Of a decoder that has learned to end, made surer of itself: a search of width 1 weighs other ends, too."""
    pack, features = load_pack(world.pack), open_plain_view(world.features).features[:6]
    for weight in (pack.decoder.vocabulary.kernel, pack.decoder.vocabulary.bias):
        weight.assign(weight.value * 30)  # the likeliest word stays the same
    settings = DecodingSettings(beam_width=1, max_length=12, min_length=0, no_repeat_ngram=0, no_repeat_token=False)
    found = Search(pack.decoder, settings).find(features).token_ids[:, 0]
    assert (found[:, -1] == PAD).any()  # came to an end
    loop = WordByWord(pack.decoder, pack.tokenizer, 12)
    # one that is cut has no end to be found: a search then takes an unlikely one before
    ended = [EOS in greedy(pack.decoder, photo, 12) for photo in features]
    captions = [" ".join(loop.caption(photo).split()) for photo in features]
    expected = [" ".join(pack.tokenizer.decode(token_ids).split()) for token_ids in found]
    assert list(itertools.compress(captions, ended)) == list(itertools.compress(expected, ended))
    assert len(set(itertools.compress(captions, ended))) > 2


CAPTIONS = {"a": [[BOS, 7, 8, EOS], [BOS, 9, EOS]], "b": [[BOS, 5, EOS]]}
VECTORS = {"a": np.ones(4, dtype=np.float32), "b": np.zeros(4, dtype=np.float32)}


def test_the_generator_yields_each_prefix_with_the_word_after_it() -> None:
    generator = data_generator(CAPTIONS, VECTORS, 3, 10)
    (photos, prefixes), words = next(generator)
    assert prefixes.tolist() == [[0, 0, BOS], [0, BOS, 7], [BOS, 7, 8], [0, 0, BOS], [0, BOS, 9]]
    assert words.argmax(axis=1).tolist() == [7, 8, EOS, 9, EOS]
    assert words.shape == (5, 10)
    assert (words.sum(axis=1) == 1).all()
    assert photos.tolist() == [[1.0] * 4] * 5
    (photos, prefixes), words = next(generator)
    assert (photos.shape, prefixes.shape, words.shape) == ((2, 4), (2, 3), (2, 10))
    (photos, _), _ = next(generator)  # begins again
    assert photos.shape == (5, 4)


def test_the_training_loop_learns_and_counts_its_tokens() -> None:
    side = TutorialTraining(CAPTIONS, VECTORS, 10)
    side.warm_up()
    assert side.turn().amount == 7 == sum(len(create_sequences(c, VECTORS[p], 3, 10)[2]) for p, c in CAPTIONS.items())
    assert side.size == "2 photos, 7 tokens"


# --- rows ---


def check(row: dict[str, Any]) -> None:
    """Check a measured row."""
    assert row.keys() >= {*table.KEYS, "load", "ours_is", "baseline_is", "ours_size", "baseline_size"}
    for name in ("ours", "baseline", "ratio"):
        low, high = row[f"{name}_spread"]
        assert 0 < low <= row[name] <= high or name == "ratio"
    times = row["ours"] / row["baseline"] if row["unit"] != sides.SECONDS else row["baseline"] / row["ours"]
    assert row["ratio"] == pytest.approx(times, rel=0.02)


def test_sides_in_processes_of_their_own() -> None:
    quick = partial(Command, "quick", ["-c", "pass"])
    slow = partial(Command, "slow", ["-c", "import time; time.sleep(1)"])
    row = sides.compare("naps", sides.SECONDS, quick, slow, 2)
    check(row)
    assert row["ratio"] > 1
    assert (row["bench"], row["unit"], row["repeats"]) == ("naps", "s", 2)
    assert (row["ours_is"], row["baseline_is"]) == ("quick", "slow")
    assert row["ours_peak_mb"] > 1
    with pytest.raises(BenchError, match=r"broken: failed \(SystemExit: no\)|broken: failed \(no\)"):
        sides.compare("naps", sides.SECONDS, quick, partial(Command, "broken", ["-c", "raise SystemExit('no')"]), 1)


@pytest.mark.usefixtures("seated_here", "quick_encoder")
def test_stages_on_two_photos(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("p00.jpg", "p01.jpg"):
        Image.open(world.data / "Images" / name).save(photos / name)
    sizes = ("--photos", 3, "--baseline-photos", 1, "--repeats", 2, "--language", CODE, "--photos-from", photos)
    [row] = json.loads(bench(capsys, "features", *sizes, "--json"))
    check(row)
    assert (row["bench"], row["ours_size"], row["baseline_size"]) == ("features", "3 photos", "1 photos")
    assert row["threads"] >= 1
    rows = json.loads(bench(capsys, "caption", *sizes, "--json"))
    assert [row["bench"] for row in rows] == ["caption", "caption, features apart"]
    for row in rows:
        check(row)
        assert row["ours_is"].startswith("polycap's")
    text = table.as_text(rows)
    assert text.splitlines()[0].split()[:2] == ["bench", "ours"]
    assert "  baseline: a loop of model.predict" in text

    monkeypatch.setattr(flat, "STAGES", {name: flat.STAGES[name] for name in ("features", "translate")})
    out = tmp_path / "flat"
    points = json.loads(bench(capsys, "flat", *sizes, "--sizes", "1,3", "--out", out, "--json"))
    assert [(p["stage"], p["photos"]) for p in points[:2]] == [("features", 1), ("features", 3)]
    assert points[0]["memory_mb"] > 0
    assert "--package" in points[2]["missing"]
    assert "| features | 3 |" in (out / "flat.md").read_text(encoding="utf-8")
    with Image.open(out / "flat.png") as picture:
        assert picture.width > picture.height > 100


def test_hostile_images(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = import_module("benchmarks.hostile")
    chosen = {name: hostile.HOSTILE[name] for name in ("WebP of 34 bytes", "JPEG of 1,000 scans")}
    monkeypatch.setattr(hostile, "PHOTOS", {})
    monkeypatch.setattr(hostile, "HOSTILE", chosen)
    rows = json.loads(bench(capsys, "hostile", "--json"))
    assert [row["image"] for row in rows] == list(chosen)
    assert rows[0]["bytes"] == 34
    for row in rows:
        assert row["memory_mb"] < 100
        assert "limit" in row["outcome"]


@pytest.mark.usefixtures("seated_here")
def test_training_of_both_kinds(world: World) -> None:
    options = Options(data=world.data, features=world.features, language=CODE, photos=8, baseline_photos=2, repeats=1)
    rows = import_module("benchmarks.train").rows(options)
    assert [row["bench"] for row in rows] == ["train", "train, merge decoder"]
    for row, kind in zip(rows, ("attention", "merge"), strict=True):
        check(row)
        assert row["unit"] == "tokens/s"
        assert f"{kind} decoder" in row["ours_is"]
        assert row["ours_size"].startswith("8 photos, ")
        assert row["baseline_size"].startswith("2 photos, ")


def test_seconds_of_a_build_by_stage(
    tiny_data: Path, tiny_language: Language, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The language's folder is copied, and the features are shown under the build's key; nothing else is written."""
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tiny_language.folder.parent))
    monkeypatch.setattr(FeaturesStage, "facts", lambda _: {"photos": "x"})
    features, code = tmp_path / "features", tiny_language.code
    (features / "plain").mkdir(parents=True)

    def build(code: str, options: Any, *, work: Path, on_step: Callable[[Any], None], **_: Any) -> Any:
        [shown] = (work / "features").iterdir()
        assert (shown / "plain").resolve() == features / "plain"
        assert (options.settings, options.captions) == (("seed=3",), ("x.txt",))
        for name in ("features", "install"):
            on_step(SimpleNamespace(stage=SimpleNamespace(name=name)))
        pack = get_language(code).own_pack_folder
        assert pack == tmp_path / "languages" / code / "pack"
        pack.mkdir()
        (pack / "tensors").write_bytes(bytes(20_000))
        return SimpleNamespace(scores={"bleu4": 1.234}, pack=pack)

    monkeypatch.setattr("polycap.pipeline.build_language", build)
    options = Options(data=tiny_data, features=features, language=code, captions_from="x.txt", seed=3)
    row = language.measure(options, tmp_path)
    seconds = [row.pop(name) for name in ("start_s", "features_s", "install_s")]
    assert row.pop("total_s") == pytest.approx(sum(seconds), abs=0.2)
    assert row == {"bench": "language", "code": code, "seed": 3, "dev_bleu4": 1.23, "pack_mb": 0.02}
    with pytest.raises(BenchError, match="no features here"):
        language.rows(replace(options, features=tmp_path / "none"))


def test_all_names_what_it_lacks(tmp_path: Path) -> None:
    """Nothing is given, and no language is trained: every stage says so, in a row with all keys."""
    for name in ("json", "multiprocessing", "random"):  # of the current folder, which no process imports from
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the current folder was run')")
    command = [sys.executable, "-P", str(SCRIPT), "all", "--language", "qxx", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    rows = json.loads(done.stdout)
    assert [row["bench"] for row in rows] == list(every.COMPARISONS)
    for row in rows:
        assert row.keys() >= {*table.KEYS, "missing"}
        assert row["ours"] is None
    reasons = {row["bench"]: row["missing"] for row in rows}
    assert "--photos-from" in reasons["features"]
    assert "--data" in reasons["train"]
    assert "--package" in reasons["translate"]
    assert "qxx" in reasons["startup"]
    assert "Traceback" not in done.stderr
    assert "train: not measured: needs --data" in table.as_text(rows)


def test_a_stage_that_lacks_something_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["translate"])
    assert capsys.readouterr().err == "scripts/bench translate: needs --package FILE.argosmodel\n"


def test_all_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        seen.append(command[3:])
        return subprocess.CompletedProcess(command, 0, "[]", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert every.every_row(Options(data=Path("x"), repeats=2, baseline_photos=3, sizes=(1, 2))) == []
    assert seen[0] == ["features", f"--data={Path('x')}", "--baseline-photos=3", "--repeats=2", "--sizes=1,2", "--json"]
    assert [arguments[0] for arguments in seen] == list(every.COMPARISONS)


def test_several_stages_of_which_one_lacks_something(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(stage: str, options: Options) -> list[dict[str, Any]]:
        assert options.repeats == 2
        return [table.missing(stage, "needs photos")] if stage == "caption" else [{"bench": stage, "figure": 1}]

    monkeypatch.setattr(every, "run_stage", run)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["startup", "caption", "--repeats", "2", "--json"])
    assert [row["bench"] for row in json.loads(capsys.readouterr().out)] == ["startup", "caption"]
