"""Argos packages: found, installed from good and hostile archives, downloaded from loopback, killed on the way."""

import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from polycap.archive import ArchiveLimits
from polycap.errors import DownloadError, TranslationError
from polycap.translation.argos import ArgosEngine
from polycap.translation.argos_packages import install_file, install_pair, installed_packages
from polycap.translation.argos_settings import argos_setting, packages_folder

MODEL = os.urandom(4_000)


def package_files(source: str = "xa", target: str = "xb", version: str = "1.0", **more: Any) -> dict[str, bytes]:
    """The files of a package; its model is noise, as nobody loads it here."""
    facts = {"from_code": source, "to_code": target, "package_version": version, **more}
    files = {"metadata.json": json.dumps(facts).encode(), "sentencepiece.model": b"pieces", "model/model.bin": MODEL}
    return {f"some-name/{name}": body for name, body in files.items()}


def make_archive(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return stream.getvalue()


def save(folder: Path, body: bytes, name: str = "test.argosmodel") -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages go in these tests: a folder that is not there yet."""
    folder = tmp_path / "argos" / "packages"
    monkeypatch.setenv("ARGOS_PACKAGES_DIR", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


def visible(folder: Path) -> list[str]:
    """What lies in the packages' folder but polycap's lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".polycap.lock")


# --- where and what ---


def test_the_folder_is_the_one_that_argos_would_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment, settings.json, XDG, home: asked of Argos itself, which makes folders, so in a process of its own."""
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
def test_settings_that_are_none_are_left(text: str, tmp_path: Path) -> None:
    (tmp_path / "config/argos-translate").mkdir(parents=True)
    (tmp_path / "config/argos-translate/settings.json").write_text(text, encoding="latin-1")
    assert argos_setting("ARGOS_BEAM_SIZE") is None


def test_looking_makes_nothing(packages: Path, tmp_path: Path) -> None:
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
    assert "xa_xb@1.10 is installed, too, and newer; delete" in caplog.text
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


# --- hostile and broken archives ---

BAD_NAMES = ["../evil", "/evil", "some-name/../../evil", "C:/evil", "..\\evil", "some-name//evil", "./some-name/evil"]


def refused(tmp_path: Path, packages: Path, body: bytes, reason: str) -> None:
    """The archive is refused for the reason, by its name, and nothing of it is left anywhere."""
    path = save(tmp_path, body)
    with pytest.raises(TranslationError, match=reason) as caught:
        install_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert visible(packages) == []
    assert not [found for found in tmp_path.parent.rglob("*evil*") if found != tmp_path]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_would_leave_the_folder(name: str, tmp_path: Path, packages: Path) -> None:
    refused(tmp_path, packages, make_archive({**package_files(), name: b"x"}), "would leave the folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR], ids=["link", "pipe", "device"])
def test_a_link_or_device(kind: int, tmp_path: Path, packages: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, body in package_files().items():
            archive.writestr(name, body)
        entry = zipfile.ZipInfo("some-name/stanza")
        entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
        archive.writestr(entry, "/etc")
    refused(tmp_path, packages, stream.getvalue(), "is a link or a device; this archive is not safe")


def test_an_encrypted_entry(tmp_path: Path, packages: Path) -> None:
    body = bytearray(make_archive(package_files()))
    body[body.index(b"PK\x01\x02") + 8] |= 1  # the flags in the central directory
    refused(tmp_path, packages, bytes(body), "is encrypted")


def test_a_bomb_by_ratio(tmp_path: Path, packages: Path) -> None:
    bomb = make_archive({**package_files(), "some-name/zeros": bytes(20 << 20)})
    refused(tmp_path, packages, bomb, r"would unpack to 4 files and 20,9\d\d,\d+ bytes, \d+ times its own size")


def test_a_bomb_whose_entries_share_their_bytes(tmp_path: Path, packages: Path) -> None:
    """As in Fifield's: each entry's own ratio is harmless, that of the archive is not."""
    stream = io.BytesIO()
    noise = os.urandom(1 << 20)
    with zipfile.ZipFile(stream, "w") as archive:
        for name, body in {**package_files(), "some-name/noise": noise}.items():
            archive.writestr(name, body)
        shared = archive.infolist()[-1]
        for number in range(100):
            entry = zipfile.ZipInfo(f"some-name/{number}")
            entry.header_offset, entry.CRC = shared.header_offset, shared.CRC
            entry.compress_size = entry.file_size = len(noise)
            archive.filelist.append(entry)
            archive.NameToInfo[entry.filename] = entry
    refused(tmp_path, packages, stream.getvalue(), "times are allowed")


@pytest.mark.parametrize("limits", [ArchiveLimits(files=9, size=3_000), ArchiveLimits(files=2, size=9_000)])
def test_too_much_or_too_many(
    limits: ArchiveLimits, tmp_path: Path, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polycap.translation.argos_archive._LIMITS", limits)
    refused(tmp_path, packages, make_archive(package_files()), "would unpack to 3 files and 4,0")


def test_an_entry_that_unpacks_to_more_than_it_says(tmp_path: Path, packages: Path) -> None:
    body = bytearray(make_archive({**package_files(), "some-name/more": b"0" * 5_000}))
    entry = body.rindex(b"PK\x01\x02")
    body[entry + 24 : entry + 28] = (100).to_bytes(4, "little")  # the size in the central directory
    refused(tmp_path, packages, bytes(body), "can't be unpacked")


@pytest.mark.parametrize("name", ["metadata.json", "model/model.bin", "sentencepiece.model"])
def test_an_archive_that_lacks_a_part(name: str, tmp_path: Path, packages: Path) -> None:
    files = package_files()
    del files[f"some-name/{name}"]
    refused(tmp_path, packages, make_archive(files), f"lacks {name}.*so it is no Argos package; get another file")


def test_a_package_with_byte_pairs_is_whole(tmp_path: Path) -> None:
    files = package_files()
    files["some-name/bpe.model"] = files.pop("some-name/sentencepiece.model")
    assert install_file(save(tmp_path, make_archive(files))).pair == ("xa", "xb")


def test_an_archive_of_two_folders_or_none(tmp_path: Path, packages: Path) -> None:
    refused(tmp_path, packages, make_archive({**package_files(), "other/file": b""}), "is one folder; this holds 2")
    refused(tmp_path, packages, make_archive({}), "is one folder; this holds 0")
    flat = {name.partition("/")[2]: body for name, body in package_files().items()}
    refused(tmp_path, packages, make_archive(flat), "is one folder; this holds 3")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["some-name/metadata.json", "some-name/METADATA.json"])
def test_two_files_of_one_name(name: str, tmp_path: Path, packages: Path) -> None:
    stream = io.BytesIO(make_archive(package_files()))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(name, "{}")
    refused(tmp_path, packages, stream.getvalue(), "two files of one name")


def test_a_file_that_is_also_a_folder(tmp_path: Path, packages: Path) -> None:
    refused(tmp_path, packages, make_archive({**package_files(), "some-name/model": b"x"}), "can't be unpacked")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not that of a translation package"),
        ('{"type": "sbd"}', "is not that of a translation package"),
        ("{}", "from_code: got None"),
        ('{"from_code": "../x", "to_code": "xb", "package_version": "1"}', r"from_code: got '\.\./x'"),
        ('{"from_code": "xa", "to_code": 7, "package_version": "1"}', "to_code: got 7"),
        ('{"from_code": "xa", "to_code": "xb", "package_version": "1/../2"}', "package_version: got"),
        ('{"from_code": "xa", "to_code": "xb"}' + " " * (1 << 20), "is too large"),
    ],
)
def test_metadata_that_is_none(text: str, reason: str, tmp_path: Path, packages: Path) -> None:
    files = {**package_files(), "some-name/metadata.json": text.encode()}
    refused(tmp_path, packages, make_archive(files), reason)


def test_bytes_that_are_no_archive(tmp_path: Path, packages: Path) -> None:
    whole = make_archive(package_files())
    refused(tmp_path, packages, b"", "can't be unpacked .*; get the file again")
    refused(tmp_path, packages, b"<html>not here</html>", "can't be unpacked")
    refused(tmp_path, packages, whole[:-100], "can't be unpacked")
    start = whole.index(MODEL[:8]) if MODEL[:8] in whole else len(whole) // 2
    refused(tmp_path, packages, whole[:start] + b"\xff" * 8 + whole[start + 8 :], "can't be unpacked")
    with pytest.raises(TranslationError, match=r"none\.argosmodel: no such file; name an \.argosmodel file"):
        install_file(tmp_path / "none.argosmodel")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing(method: int, tmp_path: Path, packages: Path) -> None:
    whole = bytearray(make_archive(package_files(), method=method))
    place = len(whole) // 2
    torn = bytes(whole[:place]) + bytes(64) + bytes(whole[place + 64 :])
    refused(tmp_path, packages, torn, "can't be unpacked")
    assert install_file(save(tmp_path, bytes(whole))).pair == ("xa", "xb")


# --- killed ---

KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from polycap.translation import argos_archive, argos_packages
left = int(sys.argv[2])
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
argos_packages.install_file(Path(sys.argv[1]))
"""


def test_killed_anywhere_it_leaves_the_old_package_or_the_new(tmp_path: Path, packages: Path) -> None:
    """Each step of an installation over another one, killed with -9; Argos reads the folder, too, at any time."""
    old, new = make_archive(package_files()), make_archive({**package_files(), "some-name/extra": b"new"})
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    seen = []
    for step in range(60):
        install_file(save(tmp_path, old, "old.argosmodel"))
        path = save(tmp_path, new, "new.argosmodel")
        command = [sys.executable, "-c", KILLED, str(path), str(step)]
        code = subprocess.run(command, env=environment, check=False).returncode
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
    """An index and packages on loopback; `break_after` bytes it breaks off, once."""

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
        """Say nothing."""


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
    with pytest.raises(DownloadError, match=r"404 Not Found.*; or install a file with `--package FILE\.argosmodel`"):
        install_pair("xa", "xb", progress=False)
    server.offer("xa", "xc", b"", links=["ipfs://QmX"])
    with pytest.raises(DownloadError, match="has no link to xa→xc"):
        install_pair("xa", "xc", progress=False)


def test_what_the_server_has_is_no_package(server: Server, packages: Path) -> None:
    server.offer("xa", "xb", b"<html>")
    server.offer("xa", "xc", make_archive(package_files("xa", "xd")))
    with pytest.raises(TranslationError, match="can't be unpacked"):
        install_pair("xa", "xb", progress=False)
    with pytest.raises(TranslationError, match=r"holds xa_xd@1\.0, not what the index says"):
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
            DownloadError, match=rf"^{re.escape(url)}index\.json: .*check the connection.*--package FILE"
        ) as caught:
            install_pair("xa", "xb")
        assert "\n" not in str(caught.value)


def test_the_way_by_another_language_is_downloaded(server: Server) -> None:
    for source, target in (("xa", "xb"), ("xb", "xc"), ("xa", "xd")):
        server.offer(source, target, make_archive(package_files(source, target)))
    engine = ArgosEngine()
    assert [package.pair for package in engine.install_pair("xa", "xc", progress=False)] == [("xa", "xb"), ("xb", "xc")]
    assert engine.pairs() == [("xa", "xb"), ("xa", "xc"), ("xb", "xc")]
    with pytest.raises(TranslationError, match="has no Argos package xa→xz"):
        engine.install_pair("xa", "xz")


def test_the_real_packages_from_argos_own_index(server: Server, shared: Path, packages: Path) -> None:
    """The index as Argos has it, with the links of four packages rewritten; then killed in the middle of a download."""
    index = json.loads((shared / "argos" / "argospm-index.json").read_text())
    for entry in index:
        path = shared / "argos" / f"translate-{entry['from_code']}_{entry['to_code']}-0_1.argosmodel"
        if path.is_file():
            entry |= {"package_version": "0.1", "links": [f"{server.url}/{path.name}"]}
            server.files[f"/{path.name}"] = path.read_bytes()
    server.files["/index.json"] = json.dumps(index).encode()
    code = "import os, signal, sys; from polycap import download; from polycap.translation import argos_packages as a\n"
    code += "import httpx; whole = httpx.Response.iter_raw\n"
    code += (
        "def some(self):\n  for i, c in enumerate(whole(self)):\n    i < 5 or os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    code += "    yield c\nhttpx.Response.iter_raw = some; a.install_pair('en', 'de')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    package = install_pair("en", "de", progress=False)
    assert server.asked[-1][1].startswith("bytes=")
    archive = shared / "argos" / "translate-en_de-0_1.argosmodel"
    assert package.sha256 == sha256(archive.read_bytes()).hexdigest()
    assert visible(packages) == ["translate-en_de-0_1"]
    shutil.rmtree(packages)
