"""Pack files: the same bytes each time, installed whole or not at all, and nothing hostile gets through."""

import io
import json
import os
import pickle
import random
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback import Server
from safetensors.numpy import load, save
from tiny import CODE, KINDS, make_card, make_decoder, make_language, run_polycap

from polycap.decoder.pack import load_pack, named_weights, record_scores, save_pack
from polycap.errors import BuildError, DownloadError, LanguageError, PackError
from polycap.exchange import install_pack, uninstall_pack, write_pack_file
from polycap.exchange.source import public_name
from polycap.features.identity import CELLS, CHANNELS, encoder_identity
from polycap.features.pca import FeaturePCA
from polycap.features.weights import PUBLISHED
from polycap.files import cache_folder, packs_folder
from polycap.language_folder import load_language
from polycap.registry import available_languages, get_language
from polycap.tokenizer import Tokenizer

pytest_plugins = ["tiny_fixtures"]

ENCODER = encoder_identity(PUBLISHED).whole  # what a polycap without weights of its own expects
SAMPLES = 'samples = ["a red circle", "a blue bar"]\n'
SCORES = {"split": "dev", "references_origin": "human", "signature": "s|text:raw|refs:human", "photos": 2}
SCORES |= dict.fromkeys(("bleu1", "bleu2", "bleu3", "bleu4", "chrf"), 1.0)


def make_pack(folder: Path, tokenizer: Tokenizer, *, seed: int = 0, encoder: str = ENCODER) -> Path:
    """A pack that reads what Xception gives."""
    generator = np.random.default_rng(seed)
    mean, basis = (generator.normal(size=size).astype(np.float32) for size in (CHANNELS, (CHANNELS, 6)))
    pca = FeaturePCA(mean, basis, 0.5)
    decoder = make_decoder(KINDS[0], seed=seed, vocab_size=tokenizer.vocab_size, cells=CELLS)
    weights = {name: np.asarray(variable) for name, variable in named_weights(decoder).items()}
    save_pack(folder, make_card(decoder, tokenizer, pca, encoder), weights, tokenizer, pca)
    return folder


@pytest.fixture(scope="module")
def maker(tiny_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a language with a pack, on the machine of who made it; read-only."""
    folder = make_language(tmp_path_factory.mktemp("maker"))
    (folder / "samples.toml").write_text(SAMPLES, encoding="utf-8")
    make_pack(folder / "pack", tiny_tokenizer)
    return folder


@pytest.fixture(scope="module")
def pack_file(maker: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its pack as a file; read-only."""
    return write_pack_file(load_language(maker), tmp_path_factory.mktemp("file") / "tiny.polycap").path


@pytest.fixture
def other_file(tiny_tokenizer: Tokenizer, maker: Path, tmp_path: Path) -> Path:
    """Another pack of the same language."""
    pack = make_pack(tmp_path / "other", tiny_tokenizer, seed=1)
    return write_pack_file(load_language(maker), tmp_path / "other.polycap", pack=pack).path


def visible() -> list[str]:
    """What lies beside the lock where packs are installed."""
    place = packs_folder()
    return sorted(path.name for path in place.iterdir() if path.name != ".lock") if place.exists() else []


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- one file ---


def test_the_same_pack_gives_the_same_bytes(maker: Path, pack_file: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(maker, tmp_path / "elsewhere" / CODE)
    for path in copy.rglob("*"):
        os.utime(path, (1e9, 1e9))
        path.chmod(0o700)
    again = write_pack_file(load_language(copy), tmp_path / "deep" / "again.polycap")
    assert again.path.read_bytes() == pack_file.read_bytes()
    assert (again.size, again.sha256) == (pack_file.stat().st_size, sha256(pack_file.read_bytes()).hexdigest())
    (copy / "pack" / "CARD.md").write_text("by hand")  # it is what card.json says
    assert write_pack_file(load_language(copy), again.path).sha256 == again.sha256


def test_what_is_in_it(maker: Path, pack_file: Path) -> None:
    with zipfile.ZipFile(pack_file) as archive:
        contents = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    manifest = json.loads(contents.pop("manifest.json"))
    assert contents == tree(maker)
    assert {key: manifest[key] for key in ("schema", "language", "encoder", "hooks")} == {
        "schema": 1,
        "language": CODE,
        "encoder": ENCODER,
        "hooks": None,
    }
    assert manifest["files"] == {
        name: {"size": len(content), "sha256": sha256(content).hexdigest()} for name, content in contents.items()
    }
    assert pack_file.stat().st_size < sum(map(len, contents.values())) + 4_000


def test_what_can_not_be_packed(maker: Path, tiny_tokenizer: Tokenizer, tmp_path: Path) -> None:
    bare = load_language(make_language(tmp_path / "bare"))
    with pytest.raises(PackError, match="no trained pack here"):
        write_pack_file(bare, tmp_path / "out")
    with pytest.raises(PackError, match="is a folder"):
        write_pack_file(load_language(maker), tmp_path)
    other = load_language(make_language(tmp_path, "qab"))
    with pytest.raises(PackError, match="is a pack of qaa, not of qab"):
        write_pack_file(other, tmp_path / "out", pack=maker / "pack")
    broken = make_pack(tmp_path / "broken", tiny_tokenizer)
    (broken / "tokenizer.model").write_bytes(b"")
    with pytest.raises(PackError, match="bytes long; its card says"):
        write_pack_file(load_language(maker), tmp_path / "out", pack=broken)
    assert not (tmp_path / "out").exists()


# --- installed ---


def test_a_language_that_is_not_there(pack_file: Path, maker: Path) -> None:
    with pytest.raises(LanguageError, match="unknown language 'qaa'"):
        get_language(CODE)
    done = install_pack(pack_file)
    assert (done.code, done.folder, done.changed) == (CODE, packs_folder() / CODE, True)
    assert (done.source, done.sha256) == (pack_file.name, sha256(pack_file.read_bytes()).hexdigest())
    language = get_language(CODE)
    assert (language.folder, language.status, language.installed_pack) == (done.folder, "trained", done.folder / "pack")
    assert language.samples == ("a red circle", "a blue bar")
    assert load_pack(language.pack_folder).card.language == CODE
    assert tree(done.folder).keys() == {*tree(maker), "manifest.json", "installed.json"}
    assert visible() == [CODE]


def test_a_second_time_nothing_happens(pack_file: Path) -> None:
    first = install_pack(pack_file)
    record_scores(first.folder / "pack", SCORES)  # a card may get scores: it is the same pack
    stamps = {path: path.stat().st_mtime_ns for path in packs_folder().rglob("*")}
    again = install_pack(pack_file)
    assert again == type(first)(**{**vars(first), "changed": False})
    assert {path: path.stat().st_mtime_ns for path in packs_folder().rglob("*")} == stamps
    (first.folder / "pack" / "pca.safetensors").unlink()  # broken since: made whole, and nobody need be asked
    assert install_pack(pack_file).changed
    assert load_pack(first.folder / "pack")


def test_another_pack_needs_force(pack_file: Path, other_file: Path) -> None:
    folder = install_pack(pack_file).folder
    before = tree(folder)
    with pytest.raises(PackError, match="another pack of qaa is installed; give --force"):
        install_pack(other_file)
    assert tree(folder) == before
    assert install_pack(other_file, force=True).changed
    assert tree(folder) != before
    assert visible() == [CODE]


def test_it_goes_before_the_folders_own_until_uninstalled(
    maker: Path, other_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = shutil.copytree(maker, tmp_path / "own" / CODE)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(own.parent))
    with caplog.at_level("INFO", "polycap"):
        done = install_pack(other_file)
    assert f"is now captioned with the installed pack, not the one in {own}" in caplog.text
    language = get_language(CODE)
    assert (language.folder, language.pack_folder) == (own, done.folder / "pack")  # facts are the folder's own
    assert language.own_pack_folder == own / "pack"
    assert [entry.code for entry in available_languages()].count(CODE) == 1
    assert uninstall_pack(CODE) == done.folder
    assert get_language(CODE).pack_folder == own / "pack"
    assert visible() == []
    with pytest.raises(PackError, match=r"qaa: no pack is installed for it; installed: none"):
        uninstall_pack(CODE)


@pytest.mark.parametrize("code", ["..", ".", "", ".lock", "/", "../packs"])
def test_nothing_else_is_uninstalled(code: str, pack_file: Path) -> None:
    install_pack(pack_file)
    with pytest.raises(PackError, match="no pack is installed for it; installed: qaa"):
        uninstall_pack(code)
    assert get_language(CODE).status == "trained"


def test_what_was_killed_leaves_the_old_pack(
    pack_file: Path, other_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install_pack(pack_file).folder
    before = tree(folder)

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("polycap.decoder.pack.load_pack", killed)
        with pytest.raises(KeyboardInterrupt):
            install_pack(other_file, force=True)
    assert tree(folder) == before
    # between two renames: the old one is aside, the new one not there yet
    aside = packs_folder() / ".unfinished" / "old" / CODE
    aside.parent.mkdir(parents=True)
    folder.rename(aside)
    assert not install_pack(pack_file, force=True).changed or load_pack(folder / "pack")
    assert visible() == [CODE]


def test_a_broken_folder_there_is_listed(pack_file: Path) -> None:
    folder = install_pack(pack_file).folder
    (folder / "language.toml").write_text("schema = 1")
    assert [entry.status for entry in available_languages() if entry.code == CODE] == ["broken"]
    uninstall_pack(CODE)
    assert CODE not in [entry.code for entry in available_languages()]


def test_training_leaves_an_installed_pack_alone(
    pack_file: Path, maker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from polycap.build.pack import install_pack as put_in_folder
    from polycap.build.pack import require_writable

    before = tree(install_pack(pack_file).folder)
    with pytest.raises(BuildError, match=r"is an installed pack's.*copy .* to a folder of your own"):
        require_writable(get_language(CODE))
    own = make_language(tmp_path / "own")
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(own.parent))
    put_in_folder(maker / "pack", get_language(CODE))
    assert "captions still come from the installed pack" in caplog.text
    assert "`polycap uninstall qaa`" in caplog.text
    assert load_language(own).status == "trained"
    assert tree(packs_folder() / CODE) == before


# --- hooks ---


@pytest.fixture
def hooked(maker: Path, tmp_path: Path) -> Path:
    """A language folder with hooks, and its pack."""
    folder = shutil.copytree(maker, tmp_path / "hooked" / CODE)
    (folder / "hooks.py").write_text("def normalize(text):\n    return text\n")
    return folder


def test_packs_carry_no_code(hooked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_pack_file(load_language(hooked), tmp_path / "hooked.polycap")
    assert b"def normalize" not in written.path.read_bytes()
    assert written.manifest.hooks == sha256((hooked / "hooks.py").read_bytes()).hexdigest()
    with pytest.raises(PackError, match=r"packs carry no code; first install the plugin that has the language qaa"):
        install_pack(written.path)
    assert visible() == []
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(hooked.parent))
    assert install_pack(written.path).changed
    assert get_language(CODE).folder == hooked


def test_text_that_is_normalised_in_another_way_is_told(
    hooked: Path, pack_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(hooked.parent))
    install_pack(pack_file)
    assert "normalised in another way" in caplog.text


# --- another encoder ---


def test_another_encoder_is_refused_by_name(maker: Path, tiny_tokenizer: Tokenizer, tmp_path: Path) -> None:
    pack = make_pack(tmp_path / "pack", tiny_tokenizer, encoder="0123456789abcdef")
    path = write_pack_file(load_language(maker), tmp_path / "foreign.polycap", pack=pack).path
    with pytest.raises(PackError) as caught:
        install_pack(path)
    assert f"was trained for encoder 0123456789abcdef, but the encoder here is {ENCODER}" in str(caught.value)
    assert visible() == []


def test_weights_of_ones_own_are_asked_for_their_identity(
    maker: Path, tiny_tokenizer: Tokenizer, encoder_weights: Path, encoder: Any, pack_file: Path, tmp_path: Path
) -> None:
    pack = make_pack(tmp_path / "pack", tiny_tokenizer, encoder=encoder.identity.whole)
    path = write_pack_file(load_language(maker), tmp_path / "own.polycap", pack=pack).path
    assert install_pack(path, weights=encoder_weights).changed
    with pytest.raises(PackError, match=f"encoder {ENCODER}, but the encoder here is {encoder.identity.whole}"):
        install_pack(pack_file, weights=encoder_weights, force=True)


# --- hostile files ---

Files = dict[str, bytes]


def unzip(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rezip(files: Files, *, method: int = zipfile.ZIP_STORED, fix: bool = True) -> bytes:
    """An archive of `files`; with `fix`, its manifest agrees, as an attacker's would."""
    files = dict(files)
    if fix:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {
            name: {"size": len(content), "sha256": sha256(content).hexdigest()}
            for name, content in files.items()
            if name != "manifest.json"
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def replace(name: str, content: bytes) -> Callable[[Files], Files]:
    """Another content of a file of the pack, on which card and manifest agree."""

    def change(files: Files) -> Files:
        card = json.loads(files["pack/card.json"])
        card["files"][name] = {"size": len(content), "sha256": sha256(content).hexdigest()}
        return {**files, f"pack/{name}": content, "pack/card.json": json.dumps(card).encode()}

    return change


def set_key(name: str, **values: Any) -> Callable[[Files], Files]:
    """Other keys of a JSON file."""
    return lambda files: {**files, name: json.dumps({**json.loads(files[name]), **values}).encode()}


def set_sizes(**values: Any) -> Callable[[Files], Files]:
    """A card that says the decoder has other sizes."""

    def change(files: Files) -> Files:
        card = json.loads(files["pack/card.json"])
        card["decoder"] |= values
        return {**files, "pack/card.json": json.dumps(card).encode()}

    return change


def lose_key(name: str, key: str) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        content = json.loads(files[name])
        del content[key]
        return {**files, name: json.dumps(content).encode()}

    return change


def safetensors(header: Any, body: bytes) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + body


def lie(dtype: str, shape: list[int], end: int, body: bytes = b"\0" * 64) -> bytes:
    return safetensors({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}, body)


def with_decoder(change: Callable[[dict[str, Any]], None]) -> Callable[[Files], Files]:
    """Other tensors, in a file that is whole."""

    def changed(files: Files) -> Files:
        tensors = load(files["pack/decoder.safetensors"])
        change(tensors)
        return replace("decoder.safetensors", save(tensors))(files)

    return changed


def spoil(tensors: dict[str, Any]) -> None:
    name = min(tensors)
    tensors[name] = np.full_like(tensors[name], np.nan)


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


PICKLE = pickle.dumps([Bomb()] * 3)
DEEP = b"[" * 100_000
NESTED: dict[str, Any] = {}
for _ in range(600):
    NESTED = {"a": NESTED}

INSIDE: dict[str, tuple[Callable[[Files], Files], str]] = {
    "an extra file": (lambda files: {**files, "pack/more": b""}, "holds 'pack/more', which no pack file has"),
    "code": (lambda files: {**files, "hooks.py": b"raise SystemExit"}, "holds 'hooks.py', which no pack file has"),
    "a record": (lambda files: {**files, "installed.json": b"{}"}, "holds 'installed.json', which no pack file has"),
    "a language.toml too large": (lambda files: {**files, "language.toml": b"#" * 2_000_000}, "at most 1,048,576"),
    "a later schema": (set_key("manifest.json", schema=2, more=1), "schema 2; this polycap reads 1: update polycap"),
    "no schema": (lose_key("manifest.json", "schema"), "schema None; this polycap reads 1"),
    "a manifest with more": (set_key("manifest.json", more=1), "manifest.json:more: "),
    "a key for terminals": (set_key("manifest.json", **{"\x1b[2J\n": 1}), r"manifest.json:\x1b[2J\n: "),
    "a day for terminals": (set_key("pack/card.json", created="\x1b[2J"), "card.json:created: "),
    "a language that is a path": (set_key("manifest.json", language="../../x"), "manifest.json:language: "),
    "no language": (set_key("manifest.json", language=""), "manifest.json:language: "),
    "another language": (set_key("manifest.json", language="qab"), "language.toml:code: received 'qaa'"),
    "an unlisted encoder": (set_key("manifest.json", encoder="x" * 16), f"encoder {'x' * 16}, but the encoder here is"),
    "a card of another encoder": (set_key("pack/card.json", encoder="x" * 16), f"was trained for encoder {'x' * 16}"),
    "a card of another language": (set_key("pack/card.json", language="qab"), "card.json:language: is qab"),
    "a card of a later schema": (set_key("pack/card.json", schema=2), "schema 2; this polycap reads 1"),
    "a card that is none": (lambda files: {**files, "pack/card.json": b"[]"}, "expected a JSON object"),
    "a card without end": (lambda files: {**files, "pack/card.json": DEEP}, "is not JSON"),
    "a card that names a path": (set_key("pack/card.json", files={"../x": {"size": 0, "sha256": "0" * 64}}), "files"),
    "scores that are none": (set_key("pack/card.json", scores=[SCORES | {"bleu1": "high"}]), "scores that are none"),
    "a score beyond all numbers": (
        set_key("pack/card.json", scores=[SCORES | {"bleu1": 10**400}]),
        "scores that are none",
    ),
    "data without end": (set_key("pack/card.json", data=NESTED), "card.json"),
    "scores of nothing": (set_key("pack/card.json", scores=[{}]), "card.json:scores: "),
    "a language.toml that is none": (lambda files: {**files, "language.toml": b"\xff"}, "language.toml: received"),
    "a samples.toml that is none": (lambda files: {**files, "samples.toml": b"samples = 1"}, "samples.toml:samples"),
    "a tokenizer of noise": (replace("tokenizer.model", os.urandom(999)), "no SentencePiece model"),
    "a pickled tokenizer": (replace("tokenizer.model", PICKLE), "no SentencePiece model"),
    "an empty tokenizer": (replace("tokenizer.model", b""), "no SentencePiece model"),
    "a pickled decoder": (replace("decoder.safetensors", PICKLE), "decoder.safetensors: is broken"),
    "a pickled PCA": (replace("pca.safetensors", PICKLE), "pca.safetensors: is no PCA"),
    "a header too long": (replace("decoder.safetensors", struct.pack("<Q", 1 << 62) + b"{}"), "is broken"),
    "a header without end": (replace("decoder.safetensors", safetensors(b'{"a":' + DEEP, b"")), "is broken"),
    "a tensor beyond the file": (replace("decoder.safetensors", lie("F16", [2], 4_000)), "is broken"),
    "a tensor that overflows": (replace("decoder.safetensors", lie("F16", [1 << 40, 1 << 40], 64)), "is broken"),
    "numbers that NumPy lacks": (replace("decoder.safetensors", lie("BF16", [32], 64)), "pack/decoder.safetensors: "),
    "more numbers that NumPy lacks": (
        replace("decoder.safetensors", lie("F8_E4M3", [64], 64)),
        "pack/decoder.safetensors: ",
    ),
    "a PCA of such numbers": (replace("pca.safetensors", lie("BF16", [32], 64)), "is no PCA"),
    "a tensor of whole numbers": (replace("decoder.safetensors", lie("I16", [32], 64)), "holds what is no number"),
    "other tensors": (replace("decoder.safetensors", lie("F16", [32], 64)), "are not those of the decoder"),
    "a tensor that is not a number": (with_decoder(spoil), "holds what is no number"),
    "a tensor for terminals": (
        with_decoder(lambda tensors: tensors.update({"\x1b[2J\n": np.zeros(2)})),
        r"(first: '\x1b[2J\n')",
    ),
    "a tensor more": (with_decoder(lambda tensors: tensors.update(x=np.zeros(2))), "are not those of the decoder"),
    "a decoder that fills memory": (set_sizes(units=1_000_000, embedding=1_000_000), "are not those of the decoder"),
    "sizes beyond all numbers": (set_sizes(units=10**4200), "are not those of the decoder"),
    "cells that fill memory": (set_sizes(cells=1 << 40), "card.json:decoder.cells"),
    "pieces that are not there": (set_sizes(vocab_size=1 << 40), "is not of the sizes"),
    "other cells": (set_sizes(cells=9), "are not those of the decoder"),
}


@pytest.mark.parametrize("case", INSIDE)
def test_hostile_contents(case: str, pack_file: Path, tmp_path: Path) -> None:
    """A manifest that agrees with everything: each part is checked for itself."""
    change, message = INSIDE[case]
    refused(rezip(change(unzip(pack_file))), message, tmp_path)


def refused(content: bytes, message: str, tmp_path: Path) -> None:
    """Installing fails in one line that names the file, and nothing is left anywhere."""
    path = tmp_path / "hostile.polycap"
    path.write_bytes(content)
    with pytest.raises(PackError) as caught:
        install_pack(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ".unfinished" not in str(caught.value), "a folder that is gone"
    assert visible() == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["hostile.polycap"]


def archive_of(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return stream.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, decoder=np.array([Bomb()], dtype=object))
    return stream.getvalue()


OUTSIDE = {
    "nothing": (b"", "can't be unpacked"),
    "noise": (random.Random(0).randbytes(5_000), "can't be unpacked"),
    "a pickle": (PICKLE, "can't be unpacked"),
    "a pickled npz": (npz(), "holds 'decoder.npy', which no pack file has"),
    "an empty archive": (archive_of(), "lacks language.toml, manifest.json"),
    "up": (archive_of(("../manifest.json", b"")), "would leave the folder"),
    "up, further in": (archive_of(("pack/../../x", b"")), "would leave the folder"),
    "absolute": (archive_of(("/etc/x", b"")), "would leave the folder"),
    "a drive": (archive_of(("C:/x", b"")), "would leave the folder"),
    "backwards": (archive_of(("..\\x", b"")), "would leave the folder"),
    "a link": (archive_of((link("pack/card.json"), b"/etc/passwd")), "is a link or a device"),
    "a bomb": (archive_of(("manifest.json", b"0" * (200 << 20))), "209,715,200 bytes"),
    "a dense bomb": (archive_of(("pack/decoder.safetensors", b"0" * (64 << 20))), "times its own size"),
    "many": (archive_of(*((f"{number}", b"") for number in range(3_000))), "would unpack to 3,000 files"),
    "a folder around it": (archive_of(("qaa/manifest.json", b"{}")), "holds 'qaa/manifest.json'"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_hostile_archives(case: str, tmp_path: Path) -> None:
    refused(*OUTSIDE[case], tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_of_one_name(pack_file: Path, tmp_path: Path) -> None:
    files = [*unzip(pack_file).items()]
    refused(archive_of(*files, ("pack/CARD.md", b"other")), "two files of one name", tmp_path)
    refused(archive_of(*files, ("pack/card.md", b"other")), "two files of one name", tmp_path)


def test_a_file_that_its_manifest_does_not_name(pack_file: Path, tmp_path: Path) -> None:
    files = unzip(pack_file)
    same_size = files["pack/CARD.md"][:-2] + b"!\n"
    refused(rezip(files | {"pack/CARD.md": same_size}, fix=False), "is not the file that its manifest names", tmp_path)
    refused(rezip(files | {"pack/CARD.md": b"short"}, fix=False), "are not those that its manifest names", tmp_path)
    del files["samples.toml"]
    refused(rezip(files, fix=False), "are not those that its manifest names", tmp_path)
    del files["language.toml"]
    refused(rezip(files), "lacks language.toml, so it is no pack file", tmp_path)


def test_truncated_anywhere(pack_file: Path, tmp_path: Path) -> None:
    content = pack_file.read_bytes()
    for length in (1, 3, 30, 99, len(content) // 3, len(content) // 2, len(content) - 1):
        refused(content[:length], "can't be unpacked", tmp_path)


def test_a_file_of_another_zip_program(pack_file: Path, tmp_path: Path) -> None:
    """Compressed, in another order, with folders: what counts is the contents."""
    files = {"pack/": b"", **dict(reversed(unzip(pack_file).items()))}
    path = tmp_path / "other.zip"
    path.write_bytes(archive_of(*files.items()))
    assert install_pack(path).changed
    assert not install_pack(pack_file).changed


def test_bits_flipped_anywhere(pack_file: Path, tmp_path: Path) -> None:
    """An error of polycap's, or the very same pack: never another one, never a traceback."""
    whole, content = unzip(pack_file), pack_file.read_bytes()
    generator = random.Random(7)
    headers = [m for m in range(len(content)) if content[m : m + 2] == b"PK"]  # where the structure is
    places = [min(len(content) - 1, start + generator.randrange(46)) for start in headers]
    places += [generator.randrange(len(content)) for _ in range(15)]
    path = tmp_path / "flipped.polycap"
    same, lines = 0, []
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << generator.randrange(8)
        path.write_bytes(flipped)
        try:
            folder = install_pack(path).folder
        except PackError as error:
            lines.append(str(error))
        else:
            same += 1
            found = {name: body for name, body in tree(folder).items() if name in whole}
            assert {**found, "manifest.json": b""} == {**whole, "manifest.json": b""}
            assert json.loads((folder / "manifest.json").read_bytes()) == json.loads(whole["manifest.json"])
            uninstall_pack(CODE)
        assert visible() == []
    assert same < len(places) / 2
    assert [line for line in lines if "\n" in line] == []


# --- addresses ---


@pytest.fixture
def url(server: Server, pack_file: Path) -> str:
    """Where a server has the pack file."""
    server.files["/packs/tiny.polycap"] = pack_file.read_bytes()
    return f"{server.url}/packs/tiny.polycap"


def downloads() -> list[Path]:
    return list((cache_folder() / "downloads").iterdir())


def test_from_the_web(url: str, pack_file: Path, server: Server) -> None:
    done = install_pack(url, sha256=sha256(pack_file.read_bytes()).hexdigest().upper())
    assert (done.source, done.changed) == (url, True)
    assert get_language(CODE).status == "trained"
    assert downloads() == []
    assert not install_pack(url).changed
    assert len(server.asked) == 2


def test_a_broken_download_goes_on(url: str, server: Server, pack_file: Path) -> None:
    size = pack_file.stat().st_size
    server.break_after = [size // 2, 0]  # twice: the second time nothing came, so it is given up
    with pytest.raises(DownloadError, match="download failed"):
        install_pack(url)
    assert visible() == []
    assert install_pack(url).changed
    assert [wanted for _, wanted in server.asked] == ["", *[f"bytes={size // 2}-"] * 2]
    assert downloads() == []


def test_other_bytes_from_the_web(url: str, server: Server, other_file: Path, pack_file: Path) -> None:
    expected = sha256(pack_file.read_bytes()).hexdigest()
    server.files["/packs/tiny.polycap"] = other_file.read_bytes()
    with pytest.raises(DownloadError, match="not the expected bytes"):
        install_pack(url, sha256=expected)
    with pytest.raises(DownloadError, match="404"):
        install_pack(f"{url}.not")
    server.files["/packs/tiny.polycap"] = b"<html>"
    with pytest.raises(PackError, match="can't be unpacked"):
        install_pack(url)
    assert visible() == []
    assert downloads() == []


def test_a_server_without_end(url: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polycap.exchange.source.MOST_BYTES", 10_000)
    server.files["/packs/tiny.polycap"] = bytes(200_000)
    with pytest.raises(DownloadError, match="is larger than 75,536 bytes"):
        install_pack(url)
    assert downloads() == []


def test_files_by_url_and_hash(pack_file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(pack_file, tmp_path / "a pack ü.polycap"))
    done = install_pack(copy.as_uri(), sha256=sha256(pack_file.read_bytes()).hexdigest())
    assert done.changed
    assert copy.is_file()
    for source, expected, message in (
        (copy, "0" * 64, "not the expected bytes"),
        (copy, "abc", "is no SHA-256"),
        ("file://elsewhere/tiny.polycap", None, "of another machine"),
        ("ftp://127.0.0.1/tiny.polycap", None, "ftp is not known"),
        ("file:///nowhere/tiny.polycap", None, "no such file"),
        (tmp_path, None, "no such file"),
        ("", None, "no such file"),
    ):
        with pytest.raises(PackError, match=message):
            install_pack(source, sha256=expected)


def test_a_record_keeps_no_secret() -> None:
    assert public_name("https://me:secret@host:8/a/b.polycap?token=secret#x") == "https://host:8/a/b.polycap"
    assert public_name("/home/me/b.polycap") == "b.polycap"


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
    monkeypatch.setattr("polycap.cli.exchange.LARGE", 1_000)
    found = run_polycap("pack", CODE, "--out", tmp_path / "out")
    assert "is larger than 0 MB" in found.err
    assert f"needs a plugin with the hooks.py of {CODE}" in found.err
    assert found.out.split()[:4] == ["language", CODE, "file", str(tmp_path / "out")]
