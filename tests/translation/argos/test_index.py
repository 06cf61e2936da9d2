"""Tests of polycap/translation/argos/index.py."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from polycap.errors import DownloadError, PolycapError
from polycap.translation.argos.index import find_target, index_source, read_index
from polycap.translation.argos.model import _source_vocabulary

ENTRY = {
    **{"from_code": "en", "from_name": "English", "to_code": "de", "to_name": "German"},
    **{"package_version": "1.3", "argos_version": "1.9", "links": ["http://127.0.0.1:9/de.argosmodel"]},
}


@pytest.fixture
def server() -> Iterator[str]:
    """Address of a server on loopback with `/index.json`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/some/index.json"
            body = json.dumps([ENTRY]).encode() if found else b"not here"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_index_is_at_the_url_of_argos_setting(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGOS_PACKAGE_INDEX", raising=False)
    assert index_source().startswith("https://")
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", f"{server}/some/")
    [package] = read_index()
    assert (package.to_code, package.to_name, package.version) == ("de", "German", "1.3")
    assert package.links == ("http://127.0.0.1:9/de.argosmodel",)
    with pytest.raises(DownloadError, match="404"):
        read_index(f"{server}/index.json")


@pytest.mark.parametrize("text", ["", "{", "{}3", "[1]", '[{"from_code": "en"}]', '{"a": 1}', "null", "3"])
def test_texts_that_are_no_index(text: str, tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(text)
    with pytest.raises(DownloadError, match="is no index of Argos packages"):
        read_index(path)


def test_a_missing_file_or_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(PolycapError, match="no such file"):
        read_index(tmp_path / "index.json")
    (tmp_path / "index.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolycapError, match="can't be read"):
        read_index(tmp_path / "index.json")


def test_the_real_index(shared: Path) -> None:
    """Each target from English is found by its BCP 47 code."""
    packages = read_index(shared / "argos" / "argospm-index.json")
    theirs = {"pt-BR": "pb", "pt-PT": "pt", "zh-Hant": "zt", "fil": "tl", "no": "nb"}
    targets = {package.to_code for package in packages if package.from_code == "en"}
    assert len(targets) == 47
    ours = {code: code for code in targets - set(theirs.values()) | {"nb"}} | theirs
    for code, target in ours.items():
        found = find_target(packages, code)
        assert found is not None, code
        assert (found.from_code, found.to_code) == ("en", target), code
    for code in ("en", "gsw", "sr", "nn", "kk", "zh-Latn", "az-Cyrl", "art-x-zorb"):
        assert find_target(packages, code) is None, code


def test_an_index_or_vocabulary_of_brackets_is_one_sentence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("index.json", "shared_vocabulary.json"):
        (tmp_path / name).write_text("[" * 100_000, encoding="utf-8")

    with pytest.raises(DownloadError, match="nested more than 64 deep"):
        read_index(tmp_path / "index.json")
    assert _source_vocabulary(tmp_path) == frozenset()
    assert "nested more than 64 deep" in caplog.text
