"""Tests of polycap/translation/argos/packages.py, with a server on loopback."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from argos_archives import MODEL, make_archive, package_files, save, visible
from polycap.errors import DownloadError, TranslationError
from polycap.translation.argos.engine import ArgosEngine
from polycap.translation.argos.packages import install_file, install_pair, installed_packages
from polycap.translation.argos.settings import argos_setting, packages_folder
from polycap.translation.choose import EngineChoice


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of packages in these tests, which does not exist yet."""
    folder = tmp_path / "argos" / "packages"
    monkeypatch.setenv("ARGOS_PACKAGES_DIR", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


# --- where and what ---


def test_the_folder_is_that_of_argos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment, settings.json, XDG and home, compared with Argos in another process, since it creates folders."""
    code = "from argostranslate import settings; print(settings.package_data_dir)"
    home = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    (tmp_path / "config/argos-translate").mkdir(parents=True)
    in_file = tmp_path / "config/argos-translate/settings.json"
    for case in ("environment", "file", "xdg", "home"):
        in_file.write_text(json.dumps({"ARGOS_PACKAGES_DIR": str(tmp_path / "file")} if case == "file" else {}))
        environment = dict(home)
        if case != "home":
            environment |= {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": str(tmp_path / "data")}
        if case == "environment":
            environment["ARGOS_PACKAGES_DIR"] = str(tmp_path / "given")
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "ARGOS_PACKAGES_DIR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        theirs = pytest.importorskip("argostranslate") and subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert str(packages_folder()) == theirs.stdout.strip(), case


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_broken_settings_are_ignored(text: str, tmp_path: Path) -> None:
    (tmp_path / "config/argos-translate").mkdir(parents=True)
    (tmp_path / "config/argos-translate/settings.json").write_text(text, encoding="latin-1")
    assert argos_setting("ARGOS_BEAM_SIZE") is None


def test_listing_creates_no_folders(packages: Path, tmp_path: Path) -> None:
    assert installed_packages() == []
    assert ArgosEngine().pairs() == []
    assert list(tmp_path.iterdir()) == []
    assert not packages.exists()


def test_a_file_is_installed_and_recorded(packages: Path, tmp_path: Path) -> None:
    path = save(tmp_path, make_archive(package_files(target_prefix=">>xb<<")))
    package = install_file(path)
    assert package.path == packages / "translate-xa_xb-1_0"
    assert package.facts.identity == "xa_xb@1.0"
    assert package.facts.target_prefix == ">>xb<<"
    assert package.sha256 == sha256(path.read_bytes()).hexdigest()
    assert (package.path / "model/model.bin").read_bytes() == MODEL
    record = json.loads((package.path / "polycap.json").read_text())
    assert record == {"package": "xa_xb@1.0", "archive": path.name, "sha256": package.sha256, "link": ""}
    assert visible(packages) == ["translate-xa_xb-1_0"]
    assert installed_packages() == [package]


def test_installing_again_replaces_it(packages: Path, tmp_path: Path) -> None:
    install_file(save(tmp_path, make_archive(package_files())))
    package = install_file(save(tmp_path, make_archive({**package_files(), "some-name/extra": b"new"})))
    assert (package.path / "extra").read_bytes() == b"new"
    assert visible(packages) == ["translate-xa_xb-1_0"]


def test_of_two_versions_the_newer_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    install_file(save(tmp_path, make_archive(package_files(version="1.10"))))
    assert caplog.text == ""
    older = install_file(save(tmp_path, make_archive(package_files(version="1.9"))))
    assert older.facts.version == "1.9"
    assert "xa_xb@1.10 is installed, too, and is newer; delete" in caplog.text
    assert [package.facts.version for package in installed_packages()] == ["1.10"]


def test_packages_that_argos_installed_are_found_and_broken_ones_named(
    packages: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for source, target in (("xc", "xb"), ("xa", "xb")):
        for name, body in package_files(source, target).items():
            path = packages / f"{source}_{target}" / name.partition("/")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
    assert [(package.pair, package.sha256) for package in installed_packages()] == [
        (("xa", "xb"), ""),
        (("xc", "xb"), ""),
    ]
    (packages / "empty").mkdir()
    (packages / "xa_xb" / "sentencepiece.model").unlink()
    (packages / "a-file").write_text("")
    assert [package.pair for package in installed_packages()] == [("xc", "xb")]
    assert "empty/metadata.json: can't be read" in caplog.text
    assert "xa_xb: this Argos package lacks its model; delete the folder and install it again" in caplog.text


def test_a_packages_folder_that_is_a_file(packages: Path, tmp_path: Path) -> None:
    packages.parent.mkdir()
    packages.write_text("")
    with pytest.raises(TranslationError, match="set ARGOS_PACKAGES_DIR to a folder"):
        installed_packages()
    with pytest.raises(TranslationError, match="ARGOS_PACKAGES_DIR"):
        install_file(save(tmp_path, make_archive(package_files())))


# --- killed ---

KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from polycap.translation.argos import archive as argos_archive, packages as argos_packages
left = 0
def counted(function):
    def call(*arguments, **keywords):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **keywords)
    return call
shutil.copyfileobj = counted(shutil.copyfileobj)
shutil.rmtree = counted(shutil.rmtree)
Path.rename, Path.mkdir = counted(Path.rename), counted(Path.mkdir)
argos_packages.write_json = counted(argos_packages.write_json)
for line in sys.stdin:
    left = int(line)
    if not (child := os.fork()):
        argos_packages.install_file(Path(sys.argv[1]))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_killed_installation_leaves_the_old_package_or_the_new(tmp_path: Path, packages: Path) -> None:
    """Each step of an installation over another one, with `kill -9`; Argos can read the folder at any time."""
    old, new = make_archive(package_files()), make_archive({**package_files(), "some-name/extra": b"new"})
    path = save(tmp_path, new, "new.argosmodel")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", KILLED, str(path)]
    seen = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as installer:
        assert installer.stdin
        assert installer.stdout
        for step in range(60):
            install_file(save(tmp_path, old, "old.argosmodel"))
            print(step, file=installer.stdin, flush=True)
            code = int(installer.stdout.readline())
            found = [(package.path / "extra").is_file() for package in installed_packages()]
            seen.append((code, found))
            assert found in ([True], [False], [])
            for folder in packages.iterdir():
                if folder.is_dir() and any(folder.iterdir()):
                    assert (folder / "metadata.json").is_file(), "Argos fails on such a folder"
            assert (install_file(path).path / "extra").is_file()
            assert visible(packages) == ["translate-xa_xb-1_0"]
            if code == 0:
                break
    print(seen)
    assert code == 0
    assert len(seen) > 8
    assert sum(found == [] for _, found in seen) <= 1  # between two renames; the next command puts it right


def test_a_package_that_was_moved_aside_comes_back(tmp_path: Path, packages: Path) -> None:
    package = install_file(save(tmp_path, make_archive(package_files())))
    staging = packages / ".polycap-unfinished"
    (staging / "old").mkdir(parents=True)
    package.path.rename(staging / "old" / package.path.name)
    with pytest.raises(TranslationError):
        install_file(save(tmp_path, b""))
    assert installed_packages() == [package]
    assert visible(packages) == [package.path.name]


def test_two_at_once(tmp_path: Path) -> None:
    paths = [save(tmp_path, make_archive(package_files("xa", f"x{i}x")), f"{i}.argosmodel") for i in "bcdefg"]
    threads = [threading.Thread(target=install_file, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(installed_packages()) == len(paths)


# --- downloaded ---


class Server:
    """Server on loopback with an index and packages; it disconnects once, after `break_after` bytes."""

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.break_after = 0

    def offer(
        self, source: str, target: str, body: bytes, version: str = "1.0", links: list[str] | None = None
    ) -> None:
        """Add a package to the index."""
        name = f"/{source}_{target}-{version}.argosmodel"
        self.files[name] = body
        entry = {"from_code": source, "from_name": source, "to_code": target, "to_name": target}
        entry |= {"package_version": version, "links": [f"{self.url}{name}"] if links is None else links}  # type: ignore[dict-item]
        index = json.loads(self.files.get("/index.json", b"[]"))
        self.files["/index.json"] = json.dumps([*index, entry]).encode()


class Handler(BaseHTTPRequestHandler):
    state: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.state.asked.append((self.path, wanted))
        body = self.state.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = self.state.break_after if self.path != "/index.json" and self.state.break_after else len(body)
        self.state.break_after = 0 if self.path != "/index.json" else self.state.break_after
        self.wfile.write(body[start:end])

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"state": state})) as http:
        http.daemon_threads = True
        state.url = f"http://127.0.0.1:{http.server_address[1]}"
        monkeypatch.setenv("ARGOS_PACKAGE_INDEX", f"{state.url}/")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


def test_a_pair_is_downloaded_resumed_and_recorded(server: Server) -> None:
    body = make_archive(package_files())
    server.offer("xa", "xb", make_archive(package_files(version="0.9")), "0.9")
    server.offer("xa", "xb", body, "1.0")
    server.break_after = 2_000
    package = install_pair("xa", "xb", progress=False)
    assert package.facts.version == "1.0"
    assert package.sha256 == sha256(body).hexdigest()
    assert json.loads((package.path / "polycap.json").read_text())["link"] == f"{server.url}/xa_xb-1.0.argosmodel"
    assert server.asked[1:] == [("/xa_xb-1.0.argosmodel", ""), ("/xa_xb-1.0.argosmodel", "bytes=2000-")]
    assert install_pair("xa", "xb") == package  # and asks nobody
    assert len(server.asked) == 3
    assert not list((Path(os.environ["POLYCAP_CACHE"]) / "downloads").iterdir())


def test_links_are_tried_in_turn(server: Server) -> None:
    links = ["ipfs://QmX", "http://127.0.0.1:9/closed", f"{server.url}/none", f"{server.url}/xa_xb-1.0.argosmodel"]
    server.offer("xa", "xb", make_archive(package_files()), links=links)
    assert install_pair("xa", "xb", progress=False).pair == ("xa", "xb")


def test_no_link_that_works(server: Server) -> None:
    server.offer("xa", "xb", b"", links=[f"{server.url}/none"])
    with pytest.raises(DownloadError, match=r"404 Not Found.*; or install a file with `package` FILE\.argosmodel"):
        install_pair("xa", "xb", progress=False)
    server.offer("xa", "xc", b"", links=["ipfs://QmX"])
    with pytest.raises(DownloadError, match="has no link to xa→xc"):
        install_pair("xa", "xc", progress=False)


def test_a_download_that_is_no_package(server: Server, packages: Path) -> None:
    server.offer("xa", "xb", b"<html>")
    server.offer("xa", "xc", make_archive(package_files("xa", "xd")))
    with pytest.raises(TranslationError, match="can't be unpacked"):
        install_pair("xa", "xb", progress=False)
    with pytest.raises(TranslationError, match=r"holds xa_xd@1\.0, not the package of the index"):
        install_pair("xa", "xc", progress=False)
    assert visible(packages) == []
    server.files["/xa_xb-1.0.argosmodel"] = make_archive(package_files())
    assert install_pair("xa", "xb", progress=False).pair == ("xa", "xb")  # the broken one was not kept


def test_a_pair_that_the_index_lacks(server: Server) -> None:
    server.offer("xa", "xb", b"")
    with pytest.raises(TranslationError, match=r"index\.json: has no Argos package xa→xc; from xa it has xb"):
        install_pair("xa", "xc")
    server.offer("../xa", "xc", b"")
    with pytest.raises(TranslationError, match="has no Argos package"):
        install_pair("../xa", "xc")


def test_an_index_that_does_not_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in (f"{server.url}/nowhere/", "http://127.0.0.1:9/", "http://127.0.0.1:99999/", "http://[x/"):
        monkeypatch.setenv("ARGOS_PACKAGE_INDEX", url)
        with pytest.raises(
            DownloadError, match=rf"^{re.escape(url)}index\.json: .*check the connection.*`package` FILE"
        ) as caught:
            install_pair("xa", "xb")
        assert "\n" not in str(caught.value)


def test_a_route_through_another_language_is_downloaded(server: Server) -> None:
    for source, target in (("xa", "xb"), ("xb", "xc"), ("xa", "xd")):
        server.offer(source, target, make_archive(package_files(source, target)))
    engine = ArgosEngine()
    assert [package.pair for package in engine.install_pair("xa", "xc", progress=False)] == [("xa", "xb"), ("xb", "xc")]
    assert engine.pairs() == [("xa", "xb"), ("xa", "xc"), ("xb", "xc")]
    with pytest.raises(TranslationError, match="has no Argos package xa→xz"):
        engine.install_pair("xa", "xz")


def test_the_real_packages_from_argos_own_index(server: Server, shared: Path, packages: Path) -> None:
    """Argos' index, with the links of four packages changed; one download is killed."""
    index = json.loads((shared / "argos" / "argospm-index.json").read_text())
    for entry in index:
        path = shared / "argos" / f"translate-{entry['from_code']}_{entry['to_code']}-0_1.argosmodel"
        if path.is_file():
            entry |= {"package_version": "0.1", "links": [f"{server.url}/{path.name}"]}
            server.files[f"/{path.name}"] = path.read_bytes()
    server.files["/index.json"] = json.dumps(index).encode()
    code = "import os, signal, sys; from polycap.files import download\n"
    code += "from polycap.translation.argos import packages as a\n"
    code += "import httpx; whole = httpx.Response.iter_raw\n"
    code += (
        "def some(self):\n  for i, c in enumerate(whole(self)):\n    i < 5 or os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    code += "    yield c\nhttpx.Response.iter_raw = some; a.install_pair('en', 'de')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    package = install_pair("en", "de", progress=False)
    assert server.asked[-1][1].startswith("bytes=")
    archive = shared / "argos" / "translate-en_de-0_1.argosmodel"
    assert package.sha256 == sha256(archive.read_bytes()).hexdigest()
    assert visible(packages) == ["translate-en_de-0_1"]
    shutil.rmtree(packages)


def test_a_package_of_another_pair_is_refused_before_it_is_installed(packages: Path, tmp_path: Path) -> None:
    path = save(tmp_path, make_archive(package_files()))
    with pytest.raises(TranslationError, match="xa"):
        EngineChoice("argos", "xa", "xc").install_file(path)
    assert not packages.exists() or visible(packages) == []
    EngineChoice("argos", "xa", "xb").install_file(path)
    assert visible(packages) == ["translate-xa_xb-1_0"]
