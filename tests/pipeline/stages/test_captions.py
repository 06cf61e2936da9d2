"""Tests of polycap/pipeline/stages/captions.py."""

import json
import shutil
from collections.abc import Sequence

import pytest

from builds import OTHER_TRANSLATION, SETTINGS, STAGES, Place, edit, ran
from polycap.dataset import read_captions
from polycap.errors import BuildError
from polycap.files import read_json
from polycap.pack.card import read_card
from polycap.translation.engine import Translation
from tiny import CODE, change_json, run_polycap

pytest_plugins = ["tiny_fixtures"]


MIXTURE = """
[translation]
engine = "mirror"
target = "theirs"

[[captions]]
translated = true
weight = 0.5

[[captions]]
file = "people.txt"
weight = 2
"""


class MirrorEngine:
    """A translation engine that spells words backwards, and says nothing at all of red bars."""

    identity = "mirror/1"
    calls = 0

    def open(self, source: str, target: str) -> "MirrorEngine":
        assert (source, target) == ("en", "theirs")
        return self

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        MirrorEngine.calls += len(texts)
        words = [[] if text == "the bar is red" else [word[::-1] for word in text.split()] for text in texts]
        return [Translation(" ".join(found)) for found in words]


def test_captions_are_translated_where_none_are_given(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(
        place.language() / "language.toml", OTHER_TRANSLATION, '\n[translation]\nengine = "mirror"\ntarget = "theirs"\n'
    )
    monkeypatch.setattr("polycap.translation.engine._BUILT_IN", {"mirror": f"{__name__}:MirrorEngine"})
    monkeypatch.setattr(MirrorEngine, "calls", 0)
    arguments = ("--data", place.data, *SETTINGS)
    assert ran(place.build(*arguments)) == STAGES
    captions, faults = read_captions(place.work / CODE / "captions.jsonl")
    texts = {caption.text for found in captions.values() for caption in found}
    assert faults == []
    assert "eht elcric si der" in texts
    assert "eht rab si der" not in texts
    assert "" not in texts
    card = read_card(place.pack())
    assert card.data["caption origin"] == "mt:mirror/1"
    assert (
        read_json(place.work / CODE / "evaluation-dev" / "scores.json", BuildError)["references_origin"]
        == "mt:mirror/1"
    )
    called = MirrorEngine.calls
    assert called > 20
    assert ran(place.build()) == []
    with (place.language() / "language.toml").open("a", encoding="utf-8") as stream:
        stream.write("\n[translation.gates]\nmax_repeats = 3\n")
    assert place.plan()["captions"] == "changed: [translation.gates] max_repeats (2 → 3)"
    assert ran(place.build()) == ["captions"]  # the same came out: nothing else depends on the gate itself
    assert MirrorEngine.calls == called
    monkeypatch.setattr(MirrorEngine, "identity", "mirror/2")  # a newer one: what the older said is not gone on with
    assert place.plan()["captions"] == "changed: engine (mirror/1 → mirror/2)"
    assert ran(place.build())[0] == "captions"
    assert MirrorEngine.calls == 2 * called
    monkeypatch.setattr("polycap.translation.engine._BUILT_IN", {})
    assert "no translation engine 'mirror'" in place.build().fault()
    assert "no translation engine 'mirror'" in str(place.status()["error"])


def test_captions_of_several_sources(built: Place) -> None:
    other = built.folder / "other.txt"
    other.write_text("p01.jpg#0\tquite another caption\n", encoding="utf-8")
    found = built.build(
        "--captions", built.captions, "--captions", f"{other},origin=human,weight=2", "--origin", "mt:x"
    )
    assert "captions" in ran(found)
    captions, _ = read_captions(built.work / CODE / "captions.jsonl")
    assert [(c.origin, c.weight) for c in captions["p01.jpg"]][-2:] == [("mt:x", 1.0), ("human", 2.0)]
    assert ran(built.build()) == []


def test_captions_mixed_as_the_folder_says(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All captions translated and a few that people wrote, with weights, from `language.toml` alone."""
    edit(place.language() / "language.toml", OTHER_TRANSLATION, MIXTURE)
    monkeypatch.setattr("polycap.translation.engine._BUILT_IN", {"mirror": f"{__name__}:MirrorEngine"})
    arguments = ("--data", place.data, *SETTINGS)
    people = place.data / "people.txt"
    missing = place.build(*arguments).fault()
    assert f"captions[1].file: no file 'people.txt' in {place.language()} nor in {place.data}; put it there" in missing
    assert not place.work.exists()
    ours, _ = read_captions(place.captions)
    names = [*sorted(ours)[1:], "stranger.jpg"]
    people.write_text("".join(f"{name}#0\tsaid by people\n" for name in names), encoding="utf-8")
    assert ran(place.build(*arguments)) == STAGES
    mixed, faults = read_captions(place.work / CODE / "captions.jsonl")
    assert faults == []
    assert {(c.origin, c.weight) for c in mixed["p00.jpg"]} == {("mt:mirror/1", 0.5)}
    assert [(c.text, c.origin, c.weight) for c in mixed["p01.jpg"]][-1] == ("said by people", "human", 2.0)
    assert len(mixed["p01.jpg"]) == 6
    card = read_card(place.pack())
    assert card.data["caption origin"] == "human+mt:mirror/1"
    assert "human (weight 2), " in card.data["train captions by origin"]
    assert "mt:mirror/1 (weight 0.5)" in card.data["train captions by origin"]
    assert card.training["chosen by"].endswith("references: human")
    [score] = card.scores
    assert (score["references_origin"], score["references_per_photo"]) == ("human", 1)
    scoring = ("--data", place.data, "--split", "test", "--out", place.folder / "scores", "--json")
    tested = run_polycap("evaluate", CODE, *scoring)
    assert json.loads(tested.out)["references_origin"] == "human"
    refused = run_polycap("train", CODE, "--data", place.data, "--out", place.folder / "run").fault()
    assert f"some are to be translated first, as `polycap build {CODE}` does" in refused
    assert ran(place.build()) == []
    edit(place.language() / "language.toml", "weight = 2", "weight = 3")
    assert place.plan()["captions"] == "changed: captions of files"
    edit(place.language() / "language.toml", "weight = 0.5", "weight = 3")
    assert place.plan()["captions"] == "changed: captions of files, weight of translations (0.5 → 3)"
    # the command line comes before the folder, and an empty --captions leads back
    assert place.plan("--captions", place.captions)["captions"].startswith("changed: captions")
    change_json(place.work / CODE / "build.json", captions=[str(place.captions)])
    assert "`captions` of the last build" not in caplog.text
    assert place.plan()["captions"].startswith("changed: captions")
    assert f"{place.work / CODE}: `captions` of the last build, not [[captions]] of {place.language()}" in caplog.text
    assert place.plan("--captions", "")["captions"].startswith("changed: captions of files")


def test_captions_of_files_that_the_folder_names(place: Place) -> None:
    """Without an engine, and beside `language.toml`."""
    edit(place.language() / "language.toml", OTHER_TRANSLATION, f'{OTHER_TRANSLATION}\n[[captions]]\nfile = "c.txt"\n')
    shutil.copy(place.captions, place.language() / "c.txt")
    assert list(place.plan("--data", place.data)) == STAGES
    (place.language() / "c.txt").write_text("p99.jpg#0\tof no photo\n", encoding="utf-8")
    fault = place.build("--data", place.data).fault()
    assert f"{place.language() / 'c.txt'}: no caption of a photo in the train split of {place.data}" in fault
