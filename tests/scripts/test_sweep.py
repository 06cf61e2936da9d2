"""`scripts/sweep`: what is kept, and that nothing finished is done again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import polycap
import sweep
from polycap.evaluation import languages
from sweep import Pair, Score
from tiny import CODE, World

pytest_plugins = ["tiny_fixtures"]


@pytest.mark.parametrize(
    ("rises", "verdict"),
    [
        ([(0.6, 1.0), (0.0, -1.0)], "kept"),
        ([(0.3, 0.0), (0.29, 5.0)], "not kept"),
        ([(1.0, 1.0), (1.0, -1.1)], "not kept"),
        ([(9.0, 9.0)], "unfinished: 1 of 2 pairs"),
    ],
)
def test_a_change_is_kept_by_its_means(rises: list[tuple[float, float]], verdict: str) -> None:
    base = Score(22.07, 48.8)
    pairs = [Pair("en", seed, base, Score(*map(sum, zip(base, rise, strict=True)))) for seed, rise in enumerate(rises)]
    text, values = sweep.summarize(pairs, 2)
    assert f"**{verdict}** (" in text
    assert values["kept"] is {"kept": True, "not kept": False}.get(verdict)
    first, (bleu4, cider_d) = pairs[0].changed, rises[0]
    row = f"| en | 0 | 22.07 | {first.bleu4:.2f} | {bleu4:+.2f} | 48.8 | {first.cider_d:.1f} | {cider_d:+.1f} |"
    assert text.splitlines()[2] == row


@pytest.fixture
def trained(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The seed and epochs of each run that was trained: the world's pack stands for its pack."""
    runs: list[tuple[Any, ...]] = []

    def train(_language: Any, _dataset: Any, _features: Any, folder: Path, settings: Any) -> Path:
        runs.append((settings.seed, settings.epochs))
        return Path(shutil.copytree(world.pack, folder / "pack"))

    monkeypatch.setattr(polycap, "train_language", train)
    return runs


def test_finished_runs_and_scores_are_used_again(
    world: World,
    trained: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scored: list[Path] = []
    evaluate = languages.evaluate_language

    def evaluate_and_count(language: Any, dataset: Any, options: Any) -> Any:
        scored.append(options.captioner.pack)
        return evaluate(language, dataset, options)

    monkeypatch.setattr(languages, "evaluate_language", evaluate_and_count)
    common = ["--data", world.data, "--features", world.features, "--out", tmp_path, "--languages", CODE]
    command = [str(part) for part in ("--set", "epochs=3", *common, "--base-packs", world.run, "--seeds", "0,1")]

    sweep.main(command)
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "changed.md").read_text(encoding="utf-8")
    values = json.loads((tmp_path / "changed.json").read_text(encoding="utf-8"))
    assert values["kept"] is False  # the packs are the same
    assert [pair["difference"] for pair in values["pairs"]] == [{"bleu4": 0.0, "cider_d": 0.0}] * 2
    assert values["pairs"][0]["base"]["bleu4"] > 0
    assert trained == [(0, 3), (1, 3)]
    assert len(scored) == 2  # all are one pack, scored once a seed

    sweep.main([*command, "--name", "again"])
    assert capsys.readouterr().out == printed
    assert (len(trained), len(scored)) == (2, 2)


def test_two_sides_that_do_not_differ(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sweep.main(["--data", "nowhere"])
    assert "both recipes are the same" in capsys.readouterr().err


def test_a_recipe_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sweep.main(["crops", "--data", "nowhere"])
    assert "no recipe 'crops' in recipes.toml; there are merge, " in capsys.readouterr().err
