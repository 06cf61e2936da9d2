"""Tests of polycap/cli/pack.py."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from polycap.files import packs_folder
from tiny import CODE, run_polycap

pytest_plugins = ["tiny_fixtures", "pack_fixtures"]


# --- the command line ---


def test_pack_install_uninstall(maker: Path, pack_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(maker.parent))
    packed = run_polycap("pack", CODE, "--json")
    expected = {"language": CODE, "file": f"{CODE}.polycap", "bytes": pack_file.stat().st_size}
    assert json.loads(packed.out) == {**expected, "sha256": sha256(pack_file.read_bytes()).hexdigest()}
    assert (packed.status, packed.err) == (0, "")
    monkeypatch.delenv("POLYCAP_LANGUAGES")
    done = run_polycap("install", f"{CODE}.polycap")
    assert (done.status, done.out) == (0, f"{packs_folder() / CODE}\n")
    again = run_polycap("install", f"{CODE}.polycap", "--json", "--sha256", json.loads(packed.out)["sha256"])
    assert json.loads(again.out)["changed"] is False
    lines = {line.split()[0]: line.split()[1:] for line in run_polycap("languages").out.splitlines()}
    assert lines[CODE] == ["installed", "Tiny", "ynit"]
    [row] = json.loads(run_polycap("status", CODE, "--json").out)
    assert (row["pack"]["installed"], row["pack"]["folder"]) == (True, str(packs_folder() / CODE / "pack"))
    assert "installed pack of 2020-02-02" in run_polycap("status", CODE).out
    checked = run_polycap("check", CODE)
    assert "ok       pack" in checked.out
    assert run_polycap("uninstall", CODE).out == f"{packs_folder() / CODE}\n"
    assert "unknown language 'qaa'" in run_polycap("pack", CODE).fault()
    assert "installed: none" in run_polycap("uninstall", CODE).fault()
    assert "no such file" in run_polycap("install", "nowhere.polycap").fault()


def test_large_packs_and_hooks_are_told(hooked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(hooked.parent))
    monkeypatch.setattr("polycap.cli.pack.LARGE", 1_000)
    found = run_polycap("pack", CODE, "--out", tmp_path / "out")
    assert "is larger than 0 MB" in found.err
    assert f"needs a plugin with the hooks.py of {CODE}" in found.err
    assert found.out.split()[:4] == ["language", CODE, "file", str(tmp_path / "out")]
