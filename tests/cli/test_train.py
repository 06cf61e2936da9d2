"""Tests of polycap/cli/train.py."""

from pathlib import Path

import pytest

from tiny import CODE, OTHER_CODE, make_language, run_polycap

pytest_plugins = ["tiny_fixtures"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--captions=other.txt"], "--captions other.txt: expected CODE=VALUE, where CODE is one of qaa, qab"),
        (["--terms=en=free"], "--terms en=free: expected CODE=VALUE, where CODE is one of qaa, qab"),
        (["--start=pack"], "qaa,qab: --start and --photo-layers are for one language; leave them out"),
    ],
)
def test_options_that_are_for_one_language(
    options: list[str], message: str, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code in (CODE, OTHER_CODE):
        make_language(tmp_path, code)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path))
    finished = run_polycap("train", f"{CODE},{OTHER_CODE}", "--data", tiny_data, "--out", tmp_path / "run", *options)
    assert finished.fault() == f"polycap: {message}"
    assert not (tmp_path / "run").exists()
