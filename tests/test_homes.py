"""Users without a home folder, and caches that can't be written."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from polycap.encoder.artefact import encoder_folder
from polycap.encoder.weights import local_weights
from polycap.errors import CaptionRuntimeError, PolycapError, TranslationError
from polycap.files import cache_folder, cache_place, expand_home, find_cached, packs_folder, write_text
from polycap.language import Registry
from polycap.runtime import graphs
from polycap.runtime.graphs import GRAPH_FILE, Graph, find_graph
from polycap.translation.argos.packages import install_file, installed_packages
from polycap.translation.argos.settings import packages_folder
from tiny import run_polycap

ROOT = Path(__file__).parent.parent
HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "POLYCAP_CACHE", "POLYCAP_PACKS")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files; no test finds the temporary cache of another."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("polycap.files.folders._temporary_caches", {})
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry in the list of users, as `docker run -u 12345` makes one."""
    for name in (*HOMES, "ARGOS_PACKAGES_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", dict[int, Any]().__getitem__)


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache that can't be written, not even by root."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path / "file" / "cache"))


# --- the cache ---


@pytest.mark.parametrize("case", ["no_cache", "no_home", "tilde"])
def test_a_cache_that_cannot_be_written_has_a_stand_in(
    case: str,
    request: pytest.FixtureRequest,
    temporary: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request.getfixturevalue("no_home" if case == "tilde" else case)
    if case == "tilde":
        monkeypatch.setenv("POLYCAP_CACHE", "~/cache")
    place = cache_place("downloads")
    assert place.is_dir()
    assert place.parent.parent == temporary
    assert cache_place().samefile(place.parent)
    write_text(cache_place() / "a.json", "1")
    assert find_cached("a.json") == place.parent / "a.json"
    assert find_cached("b.json") is None
    [notice] = caplog.messages
    assert "POLYCAP_CACHE" in notice
    assert f"the cache of this process is {place.parent}, and is removed at its end" in notice


def test_a_cache_that_can_be_written_is_taken(temporary: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert cache_place("graphs") == cache_folder() / "graphs"
    assert list(cache_place("graphs").iterdir()) == []
    assert caplog.messages == []
    assert list(temporary.iterdir()) == []


def test_a_part_of_the_cache_that_cannot_be_written(temporary: Path) -> None:
    """Such as one that root made."""
    (cache_place() / "graphs").touch()
    assert cache_place("graphs").parent.parent == temporary
    assert cache_place() == cache_folder() / "."


@pytest.mark.usefixtures("no_cache")
def test_where_there_is_no_temporary_folder_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(PolycapError, match=r"name another folder in POLYCAP_CACHE; nor is there a temporary folder"):
        cache_place()
    with pytest.raises(CaptionRuntimeError, match="no place for its graphs"):  # Keras needs none
        find_graph(Graph("search", "tiny", {}, {}))


LIFE = """
import os, sys
from polycap.files import cache_place
place = cache_place()
if os.fork() == 0:
    sys.exit(cache_place() == place)
assert os.wait()[1] == 0
assert place.is_dir()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_temporary_cache_ends_with_its_process(tmp_path: Path, temporary: Path) -> None:
    """Not with one that was forked, which has its own."""
    (tmp_path / "file").touch()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "POLYCAP_CACHE": str(tmp_path / "file")}
    command = [sys.executable, "-c", LIFE]
    done = subprocess.run(command, env={**environment, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []


# --- graphs ---


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The jobs that were traced, each to a file of a byte."""
    jobs: list[Any] = []

    def trace(job: Any) -> None:
        jobs.append(job)
        Path(job["out"]).write_text("x")

    monkeypatch.setattr(graphs, "_trace", trace)
    return jobs


@pytest.mark.usefixtures("no_cache")
def test_graphs_go_to_a_temporary_folder_once_a_process(
    temporary: Path, traced: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    models = {find_graph(Graph("search", "tiny", {"beam": beam}, {})) for beam in (1, 2, 1, 2)}
    assert len(models) == len(traced) == 2
    assert all(temporary in model.parents and model.is_file() for model in models)
    assert len([message for message in caplog.messages if "cache of this process" in message]) == 1


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_filled_cache_that_is_read_only_serves(
    traced: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = find_graph(Graph("search", "tiny", {}, {}))
    caplog.clear()
    monkeypatch.setattr("polycap.files.folders._write_fault", lambda _: "Read-only file system")
    monkeypatch.setattr(os, "utime", refuse)
    assert find_graph(Graph("search", "tiny", {}, {})) == model
    assert len(traced) == 1
    assert caplog.messages == []


def test_a_graph_that_another_process_cleans_up_meanwhile(traced: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    find_graph(Graph("search", "tiny", {"beam": 1}, {}))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", refuse)
        assert find_graph(Graph("search", "tiny", {"beam": 2}, {})).name == GRAPH_FILE
    assert len(traced) == 2


# --- packs and languages ---


@pytest.mark.usefixtures("no_home")
def test_languages_without_a_home_folder() -> None:
    found = run_polycap("languages")
    assert found.status == 0
    assert "\nen " in found.out
    assert found.err == ""
    assert run_polycap("languages", "--json").status == 0
    assert "the home folder is not known here; name a folder in POLYCAP_PACKS" in run_polycap("uninstall", "en").fault()


def test_languages_with_a_home_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = os.stat

    def closed(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(f"{tmp_path}/home"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", closed)  # root may read everything
    monkeypatch.setenv("POLYCAP_PACKS", str(tmp_path / "home" / "packs"))
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path / "home" / "cache"))
    found = run_polycap("languages")
    assert found.status == 0
    assert "\nen " in found.out
    assert found.err == ""
    assert find_cached("hashes.json") is None


# --- ~ ---


def test_a_tilde_in_a_path_variable_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (
        "POLYCAP_CACHE",
        "POLYCAP_PACKS",
        "POLYCAP_XCEPTION_WEIGHTS",
        "POLYCAP_ENCODER",
        "POLYCAP_LANGUAGES",
        "ARGOS_PACKAGES_DIR",
    ):
        monkeypatch.setenv(name, "~/there")
    (tmp_path / "there" / "qaa").mkdir(parents=True)
    (tmp_path / "there" / "qaa" / "language.toml").write_text("schema = 1")
    there = tmp_path / "there"
    assert cache_folder() == packs_folder() == packages_folder() == local_weights() == encoder_folder() == there
    assert there / "qaa" in [entry.folder for entry in Registry.discover().entries]
    monkeypatch.delenv("ARGOS_PACKAGES_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", "~/data")
    assert packages_folder() == tmp_path / "data" / "argos-translate" / "packages"
    monkeypatch.setenv("XDG_CONFIG_HOME", "~/config")
    (tmp_path / "config" / "argos-translate").mkdir(parents=True)
    settings = tmp_path / "config" / "argos-translate" / "settings.json"
    settings.write_text(json.dumps({"ARGOS_PACKAGES_DIR": "~/set"}))
    assert packages_folder() == tmp_path / "set"


@pytest.mark.usefixtures("no_home")
def test_a_tilde_without_a_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is never a folder of that name in the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~").mkdir()
    with pytest.raises(PolycapError, match=r"^~/a: the home folder is not known here; write the whole path"):
        expand_home("~/a")
    with pytest.raises(PolycapError, match=r"^~nobody-of-this-name/a: the home folder"):
        expand_home("~nobody-of-this-name/a")
    assert expand_home("./~/a") == Path("~/a")
    monkeypatch.setenv("POLYCAP_XCEPTION_WEIGHTS", "~/weights.h5")
    with pytest.raises(PolycapError, match=r"^POLYCAP_XCEPTION_WEIGHTS: ~/weights.h5: the home folder is not known"):
        local_weights()
    monkeypatch.setenv("POLYCAP_LANGUAGES", "~")
    assert Registry.discover().get("en").code == "en"
    assert caplog.messages == [
        "POLYCAP_LANGUAGES: ~: the home folder is not known here; write the whole path, or ./ before a ~"
    ]
    assert installed_packages() == []
    with pytest.raises(TranslationError, match=r"the home folder is not known .* ARGOS_PACKAGES_DIR names it"):
        install_file(tmp_path / "none.argosmodel")
    assert list((tmp_path / "~").iterdir()) == []


# --- a real mount that is read-only ---


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare"
)
def test_a_home_on_a_read_only_mount(tmp_path: Path, temporary: Path) -> None:
    code = "from polycap.files import cache_place; print(cache_place('graphs'))"
    mounted = 'mount -t tmpfs tmpfs "$HOME" && mount -o remount,ro "$HOME" || exit 77; exec "$@"'
    kept = {name: value for name, value in os.environ.items() if name not in HOMES}
    (tmp_path / "home").mkdir()
    environment = {**kept, "HOME": str(tmp_path / "home"), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    command = ["unshare", "-m", "sh", "-c", mounted, "sh", sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("may not mount here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{temporary}/polycap-cache-")
    assert "Read-only file system" in done.stderr
    assert list(temporary.iterdir()) == []
