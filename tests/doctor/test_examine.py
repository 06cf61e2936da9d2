"""Tests of polycap/doctor and of `polycap doctor`: each fault is found, alone, and is printed with its fix."""

import json
import shutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

from command_line import RUN, python
from polycap.doctor.examine import CHECKS, examine
from polycap.doctor.finding import Finding, fault, finding_lines, note, works
from polycap.encoder.artefact import EncoderArtefact
from polycap.files import cache_folder, packs_folder
from polycap.language import Registry
from polycap.pack.install import install_pack
from polycap.pack.opened import open_pack_file
from tiny import CODE, change_json, make_language, run_polycap

pytest_plugins = ["tiny_fixtures", "pack_fixtures"]

AREAS = ["version", "processor", "runtime", "extra", "folder", "disk", "memory", "cache", "weights", "encoder"]
AREAS += ["engine", "language"]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only the languages of the tests, no packages of Argos, and a runtime."""
    monkeypatch.setattr("polycap.language.registry._built_in", lambda _: iter(()))
    monkeypatch.setenv("ARGOS_PACKAGES_DIR", str(tmp_path / "argos"))
    monkeypatch.setattr("polycap.translation.apertium._program", lambda: None)


def look(*modules: str) -> list[Finding]:
    """The findings of some modules of the room; without any, of all."""
    if not modules:
        return list(examine())
    checks = [(module, name) for module in modules for name in CHECKS[module]]
    return [each for module, name in checks for each in getattr(import_module(f"polycap.doctor.{module}"), name)()]


def faults(*modules: str) -> list[Finding]:
    return [finding for finding in look(*modules) if finding.state == "fault"]


def find(area: str, name: str, *modules: str) -> Finding:
    [finding] = [each for each in look(*modules) if (each.area, each.name) == (area, name)]
    return finding


def test_a_sound_installation_has_no_faults(pack_file: Path, large_encoder: EncoderArtefact) -> None:
    install_pack(pack_file)
    findings = list(examine())
    assert [each for each in findings if each.state == "fault"] == []
    assert list(dict.fromkeys(each.area for each in findings)) == AREAS
    assert find("encoder", large_encoder.identity, "languages").state == "ok"
    assert find("language", CODE, "languages") == works("language", CODE, "trained; its hashes are right")


def test_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("POLYCAP_PACKS", str(tmp_path / "packs"))
    assert faults() == []
    assert list(tmp_path.iterdir()) == []


def test_a_pack_that_has_changed_is_a_fault(pack_file: Path) -> None:
    install_pack(pack_file)
    decoder = packs_folder() / CODE / "pack" / "decoder.safetensors"
    content = bytearray(decoder.read_bytes())
    content[-1] ^= 1
    decoder.write_bytes(content)
    [found] = faults("languages")
    assert (found.area, found.name) == ("language", CODE)
    assert f"{decoder}: its bytes are not those that its card names" in found.detail
    assert found.fix.startswith(f"`polycap uninstall {CODE}`, and install it again")


def test_an_encoder_that_has_changed_is_one_fault(
    pack_file: Path, large_encoder: EncoderArtefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_pack(pack_file)
    folder = shutil.copytree(large_encoder.folder, tmp_path / "encoder")
    with (folder / "encoder.safetensors").open("r+b") as stream:
        stream.write(b"\1")
    monkeypatch.setenv("POLYCAP_ENCODER", str(folder))
    [found] = faults("languages")
    assert (found.area, found.fix) == ("encoder", "install polycap again, or correct POLYCAP_ENCODER")
    assert find("language", CODE, "languages").detail == "its pack needs the encoder, which is broken"


def test_a_broken_language_folder_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_language(tmp_path)
    (folder / "language.toml").write_text("code = ", encoding="utf-8")
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path))
    [found] = faults("languages")
    assert (found.area, found.name) == ("language", CODE)
    assert found.fix.startswith(f"mend or remove {folder}")


@pytest.mark.parametrize(
    ("toml", "state"),
    [
        ("", "untrained, and no engine translates into it"),
        ('[translation]\nengine = "argos"\ntarget = "xx"\n', "untrained; argos lacks its package"),
        ('[translation]\nengine = "nowhere"\n', "untrained, and not translated (no translation engine 'nowhere'"),
    ],
)
def test_an_untrained_language_says_what_it_lacks(
    toml: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code, more in ((CODE, toml), ("und", "")):
        with (make_language(tmp_path, code) / "language.toml").open("a", encoding="utf-8") as stream:
            stream.write(f"\n{more}")
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(tmp_path))
    found = find("language", CODE, "languages")
    assert found.state == "note"
    assert found.detail.startswith(state)


def test_a_cached_pack_file_is_hashed_again(pack_file: Path) -> None:
    _, folder = open_pack_file(pack_file, Registry.discover())
    assert faults("caches") == []
    (folder / "tokenizer.model").write_bytes(b"broken")
    [found] = faults("caches")
    assert found.fix == f"delete {folder.parent.parent}; the pack file is unpacked again"


@pytest.mark.parametrize(
    ("kind", "files", "reason"),
    [
        ("encoder-a-b", {"model.xml": "<net/>", "model.bin": ""}, ""),
        ("language-a-b", {"model.xml": "<net/>", "compiled/1.blob": ""}, ""),
        ("encoder-a-b", {"model.xml": "<net/>"}, "this graph has lost its model.bin"),
        ("encoder-a-b", {"model.xml": "<net>", "model.bin": ""}, "this graph has no readable model.xml"),
        ("search-a-b", {}, "this graph has no readable model.xml"),
    ],
)
def test_graphs_that_are_not_whole_are_faults(kind: str, files: dict[str, str], reason: str) -> None:
    folder = cache_folder() / "graphs" / kind
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    found = faults("caches")
    assert [each.detail[: len(reason)] for each in found] == ([reason] if reason else [])
    assert all(each.fix == f"delete {folder}; it is made again when it is needed" for each in found)


@pytest.mark.parametrize(
    ("variable", "value", "area", "fix"),
    [
        ("POLYCAP_PRECISION", "f8", "processor", "correct POLYCAP_PRECISION, or unset it"),
        ("POLYCAP_RUNTIME", "abacus", "runtime", "set it to openvino, keras or auto"),
        ("KERAS_BACKEND", "theano", "runtime", "set it to one of tensorflow, jax, torch, openvino, or unset it"),
        (
            "POLYCAP_CACHE",
            "/dev/null/cache",
            "folder",
            "name another folder in POLYCAP_CACHE, or change its permissions",
        ),
        ("POLYCAP_XCEPTION_WEIGHTS", __file__, "weights", "delete that file, or correct POLYCAP_XCEPTION_WEIGHTS"),
    ],
)
def test_a_variable_that_is_wrong_is_one_fault(
    variable: str, value: str, area: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert [(found.area, found.fix) for found in faults("environment", "places", "caches")] == [(area, fix)]


@pytest.mark.parametrize(("megabytes", "state"), [(200, "fault"), (500, "note"), (5000, "ok")])
def test_memory_against_what_the_stages_take(megabytes: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polycap.doctor.places.available_memory", lambda: megabytes * 1_000_000)
    assert find("memory", "available", "places").state == state


def test_a_disk_that_has_no_room_for_the_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 10**8, 10**8))
    [found] = faults("places")
    assert (found.area, found.name) == ("disk", "cache")
    assert found.detail.startswith("100 MB free in ")
    assert find("disk", "here", "places").state == "note"


def test_a_missing_package_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "polycap.doctor.caches", raising=False)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for name in [name for name in sys.modules if name.startswith(("polycap.pack.", "polycap.encoder."))]:
        monkeypatch.delitem(sys.modules, name)
    broken = [each for each in faults() if each.area == "check"]
    assert {each.name for each in broken} >= set(CHECKS["caches"])
    assert {each.fix for each in broken} == {"pip install --force-reinstall polycap"}


def test_the_command(pack_file: Path) -> None:
    install_pack(pack_file)
    done = run_polycap("doctor", "--json")
    rows = json.loads(done.out)
    assert all(set(row) == {"area", "name", "state", "detail", "fix"} for row in rows)
    change_json(packs_folder() / CODE / "pack" / "card.json", created="\x1b[2J")
    broken = run_polycap("doctor")
    assert broken.status == 1
    assert "\x1b" not in broken.out
    assert f"fault language  {CODE}: " in broken.out
    assert f"→ `polycap uninstall {CODE}`, and install it again" in broken.out


def test_equal_findings_share_a_line_and_the_fix_follows() -> None:
    findings = [works("extra", "a", "in"), note("extra", "c", "out", "get"), works("extra", "b", "in")]
    assert finding_lines([*findings, fault("cache", "x\n", "y", "z")]) == [
        "ok    extra     a, b: in",
        "note  extra     c: out",
        "                → get",
        r"fault cache     x\n: y",
        "                → z",
    ]


def test_neither_keras_nor_tensorflow_is_loaded() -> None:
    spy = "import sys, atexit; atexit.register(lambda: print([m for m in ('tensorflow', 'keras') if m in sys.modules]))"
    done = python("-c", f"{spy}\n{RUN}", "doctor")
    assert done.stderr == ""
    assert done.stdout.endswith("\n[]\n")
