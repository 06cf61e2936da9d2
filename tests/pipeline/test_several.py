"""`polycap build` of several languages: each its pack, a failure told at the end."""

import json

import pytest

from builds import SETTINGS, STAGES, Place
from polycap import BuildOptions, build_languages
from polycap.errors import BuildError, LanguageError, PolycapError
from polycap.pipeline.build import Build
from tiny import CODE, OTHER_CODE, run_polycap

pytest_plugins = ["tiny_fixtures"]


def test_one_that_fails_stops_no_other(built: Place) -> None:
    found = run_polycap("build", "xx", OTHER_CODE, CODE, "--data", built.data, "--work", built.work, *SETTINGS)
    assert found.status == 1
    lines = [line.split()[:3] for line in found.out.splitlines()]
    assert lines[:6] == [[OTHER_CODE, name, "skip" if name == "features" else "run"] for name in STAGES]
    assert lines[6:12] == [[CODE, name, "skip"] for name in STAGES]
    assert (built.pack(OTHER_CODE) / "card.json").is_file()
    assert [line for line in found.out.splitlines() if "pack" in line] == [
        str(built.pack(OTHER_CODE)),
        str(built.pack()),
    ]
    [fault] = [line for line in found.err.splitlines() if "xx" in line]
    assert fault == found.err.splitlines()[-1]
    again = run_polycap("build", OTHER_CODE, "xx", "--work", built.work, "--json")
    assert again.status == 1
    rows = json.loads(again.out)
    assert [(row["language"], "error" in row) for row in rows] == [(OTHER_CODE, False), ("xx", True)]


def test_the_function_is_the_verb(built: Place) -> None:
    told: list[tuple[str, str]] = []
    builds = build_languages(
        [CODE, "xx", CODE], work=built.work, on_step=lambda code, step: told.append((code, step.action)), progress=False
    )
    assert list(builds) == [CODE, "xx"]
    assert told == [(CODE, "skip")] * len(STAGES)
    done, failed = builds.values()
    assert isinstance(done, Build)
    assert done.pack == built.pack()
    assert isinstance(failed, LanguageError)


def test_an_error_that_nobody_foresaw_stops_no_other(
    built: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("polycap.pipeline.several.build_language", fail)
    builds = build_languages([CODE, OTHER_CODE], work=built.work)
    assert [str(error) for error in builds.values()] == ["ZeroDivisionError: a bug"] * 2
    assert all(isinstance(error, PolycapError) for error in builds.values())
    assert "Traceback" in caplog.text


def test_a_file_of_captions_is_one_languages() -> None:
    with pytest.raises(BuildError, match="`captions`: a file's captions are one language's"):
        build_languages(["en", "de"], BuildOptions(captions=["de.txt"]))
    found = run_polycap("build", "en", "de", "--captions", "de.txt")
    assert (found.status, "--captions: a file's captions" in found.err) == (1, True)


def test_one_bar_for_all(built: Place, capfd: pytest.CaptureFixture[str]) -> None:
    build_languages([CODE, "xx"], work=built.work, progress=True)
    last = capfd.readouterr().err.rsplit("\r", 1)[-1]
    assert "2/2" in last
    assert "language" in last
