"""An index of pack files: packs installed by the code of their language."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from polycap import install_pack, read_pack_index, uninstall_pack, write_pack_index
from polycap.errors import DownloadError, PackError
from polycap.files import packs_folder
from tiny import CODE, run_polycap

pytest_plugins = ["tiny_fixtures", "pack_fixtures"]


@pytest.fixture
def index(pack_file: Path, large_encoder: object, tmp_path: Path) -> Path:
    """A folder with a pack file and its index."""
    assert large_encoder
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / f"{CODE}.polycap").write_bytes(pack_file.read_bytes())
    write_pack_index(folder)
    return folder


@pytest.fixture
def url(index: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(index))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_what_an_index_says(index: Path, pack_file: Path) -> None:
    content = json.loads((index / "index.json").read_text(encoding="utf-8"))
    assert content["schema"] == 1
    [row] = content["packs"]
    assert (row["code"], row["name"], row["native_name"]) == (CODE, "Tiny", "ynit")
    assert (row["file"], row["size"]) == (f"{CODE}.polycap", pack_file.stat().st_size)
    assert row["sha256"] == sha256(pack_file.read_bytes()).hexdigest()
    assert (index / row["card"]).read_text(encoding="utf-8").startswith("# ")
    assert {"encoder", "created", "origins", "scores", "terms"} <= row.keys()
    before = (index / "index.json").read_bytes()
    write_pack_index(index)
    assert (index / "index.json").read_bytes() == before


def test_installed_by_code_from_a_server(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (url, url.rstrip("/"), f"{url}index.json"):
        monkeypatch.setenv("POLYCAP_PACK_INDEX", place)
        listed = run_polycap("languages", "--available")
        assert (listed.status, listed.out.split()[:4]) == (0, [CODE, "new", "Tiny", "ynit"])
        done = run_polycap("install", CODE)
        assert (done.status, done.out) == (0, f"{packs_folder() / CODE}\n"), done
        assert run_polycap("languages", "--available").out.split()[1] == "installed"
        uninstall_pack(CODE)
    assert [row["code"] for row in json.loads(run_polycap("languages", "--available", "--json").out)] == [CODE]
    assert "the index" in run_polycap("install", "xx").fault()
    monkeypatch.setenv("POLYCAP_PACK_INDEX", f"{url}nowhere")
    with pytest.raises(DownloadError, match="404"):
        install_pack(CODE)


def test_a_file_of_other_bytes_is_not_installed(index: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = index / f"{CODE}.polycap"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    for place, error in ((url, DownloadError), (str(index), PackError)):
        monkeypatch.setenv("POLYCAP_PACK_INDEX", place)
        with pytest.raises(error, match="not the expected bytes"):
            install_pack(CODE)
    assert not (packs_folder() / CODE).exists()


def test_an_index_that_lies_about_the_language(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = index / "index.json"
    path.write_text(path.read_text(encoding="utf-8").replace(f'"code": "{CODE}"', '"code": "qad"'), encoding="utf-8")
    monkeypatch.setenv("POLYCAP_PACK_INDEX", str(index))
    with pytest.raises(PackError, match=f"is a pack of {CODE}; the index says qad"):
        install_pack("qad")
    with pytest.raises(PackError, match="is not that of the index"):
        install_pack("qad", sha256="0" * 64)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"schema": 1', '"schema": 2', "update polycap"),
        (f'"{CODE}.polycap"', '"../x.polycap"', "packs.0.file"),
        ('"ynit"', '"\\u001b[31m"', "packs.0.native_name"),
        ("{", "[", "is not JSON"),
    ],
)
def test_a_broken_index(index: Path, old: str, new: str, message: str) -> None:
    path = index / "index.json"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PackError, match=message):
        read_pack_index(index)


def test_no_index(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYCAP_PACK_INDEX", raising=False)
    with pytest.raises(PackError, match="set POLYCAP_PACK_INDEX"):
        install_pack("xx")
    with pytest.raises(PackError, match="has no pack file"):
        write_pack_index(tmp_path)
    with pytest.raises(PackError, match="no such file"):
        read_pack_index(tmp_path)
    (index / "second.polycap").write_bytes((index / f"{CODE}.polycap").read_bytes())
    with pytest.raises(PackError, match=f"a second pack of {CODE}"):
        write_pack_index(index)


def test_written_by_the_command(maker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(maker.parent))
    folder = tmp_path / "new"
    done = run_polycap("pack", CODE, "--index", folder)
    assert (done.status, done.out.splitlines()[-1]) == (0, f"{folder / 'index.json'}: {CODE}")
    assert {path.name for path in folder.iterdir()} == {"index.json", f"{CODE}.polycap", f"{CODE}.md"}
    rows = json.loads(run_polycap("pack", "--index", folder, "--json").out)
    assert [row["code"] for row in rows] == [CODE]
    assert "name a language" in run_polycap("pack").fault()
