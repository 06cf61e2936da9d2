"""Tests of polycap/pack/pack_file.py."""

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
from safetensors.numpy import load, save

from pack_files import SCORES, make_pack, tree, visible
from polycap.encoder.artefact import EncoderArtefact
from polycap.errors import PackError
from polycap.language import load_language
from polycap.pack.install import install_pack, uninstall_pack
from polycap.pack.pack_file import write_pack_file
from polycap.text.tokenizer import Tokenizer
from tiny import CODE, make_language

pytest_plugins = ["tiny_fixtures", "pack_fixtures"]

# --- hostile files ---

Files = dict[str, bytes]


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('unpickled')",)


PICKLE = pickle.dumps([Bomb()] * 3)
DEEP = b"[" * 100_000
NESTED: dict[str, Any] = {}
for _ in range(600):
    NESTED = {"a": NESTED}


def lie(dtype: str, shape: list[int], end: int, body: bytes = b"\0" * 64) -> bytes:
    return safetensors({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}, body)


def lose_key(name: str, key: str) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        content = json.loads(files[name])
        del content[key]
        return {**files, name: json.dumps(content).encode()}

    return change


def replace(name: str, content: bytes) -> Callable[[Files], Files]:
    """Another content of a file of the pack, on which card and manifest agree."""

    def change(files: Files) -> Files:
        card = json.loads(files["pack/card.json"])
        card["files"][name] = {"size": len(content), "sha256": sha256(content).hexdigest()}
        return {**files, f"pack/{name}": content, "pack/card.json": json.dumps(card).encode()}

    return change


def safetensors(header: Any, body: bytes) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + body


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


def spoil(tensors: dict[str, Any]) -> None:
    tensors["output_bias"] = np.full_like(tensors["output_bias"], np.nan)


def with_decoder(change: Callable[[dict[str, Any]], None]) -> Callable[[Files], Files]:
    """Other tensors, in a file that is whole."""

    def changed(files: Files) -> Files:
        tensors = load(files["pack/decoder.safetensors"])
        change(tensors)
        return replace("decoder.safetensors", save(tensors))(files)

    return changed


INSIDE: dict[str, tuple[Callable[[Files], Files], str]] = {
    "an extra file": (lambda files: {**files, "pack/more": b""}, "holds 'pack/more', which no pack file has"),
    "code": (lambda files: {**files, "hooks.py": b"raise SystemExit"}, "holds 'hooks.py', which no pack file has"),
    "a record": (lambda files: {**files, "installed.json": b"{}"}, "holds 'installed.json', which no pack file has"),
    "a language.toml too large": (lambda files: {**files, "language.toml": b"#" * 2_000_000}, "at most 1,048,576"),
    "a later schema": (set_key("manifest.json", schema=3, more=1), "schema 3; this polycap reads 2: update polycap"),
    "no schema": (lose_key("manifest.json", "schema"), "schema None; this polycap reads 2"),
    "a manifest with more": (set_key("manifest.json", more=1), "manifest.json:more: "),
    "a key for terminals": (set_key("manifest.json", **{"\x1b[2J\n": 1}), r"manifest.json:\x1b[2J\n: "),
    "a day for terminals": (set_key("pack/card.json", created="\x1b[2J"), "card.json:created: "),
    "a language that is a path": (set_key("manifest.json", language="../../x"), "manifest.json:language: "),
    "no language": (set_key("manifest.json", language=""), "manifest.json:language: "),
    "another language": (set_key("manifest.json", language="qab"), "language.toml:code: received 'qaa'"),
    "an unlisted encoder": (
        set_key("manifest.json", encoder="x" * 16),
        f"encoder {'x' * 16}, but the encoder in use is",
    ),
    "a card of another encoder": (set_key("pack/card.json", encoder="x" * 16), f"is of encoder {'x' * 16}"),
    "a card of another language": (set_key("pack/card.json", language="qab"), "card.json:language: is qab"),
    "a card of a later schema": (set_key("pack/card.json", schema=3), "schema 3; this polycap reads 2"),
    "a card that is none": (lambda files: {**files, "pack/card.json": b"[]"}, "expected a JSON object"),
    "a card without end": (lambda files: {**files, "pack/card.json": DEEP}, "is not JSON"),
    "a card that names a path": (set_key("pack/card.json", files={"../x": {"size": 0, "sha256": "0" * 64}}), "files"),
    "scores that are none": (set_key("pack/card.json", scores=[SCORES | {"bleu1": "high"}]), "broken scores"),
    "a score beyond all numbers": (
        set_key("pack/card.json", scores=[SCORES | {"bleu1": 10**400}]),
        "broken scores",
    ),
    "data without end": (set_key("pack/card.json", data=NESTED), "card.json"),
    "scores of nothing": (set_key("pack/card.json", scores=[{}]), "card.json:scores: "),
    "a language.toml that is none": (lambda files: {**files, "language.toml": b"\xff"}, "language.toml: received"),
    "a samples.toml that is none": (lambda files: {**files, "samples.toml": b"samples = 1"}, "samples.toml:samples"),
    "a tokenizer of noise": (replace("tokenizer.model", os.urandom(999)), "no SentencePiece model"),
    "a pickled tokenizer": (replace("tokenizer.model", PICKLE), "no SentencePiece model"),
    "an empty tokenizer": (replace("tokenizer.model", b""), "no SentencePiece model"),
    "a pickled decoder": (replace("decoder.safetensors", PICKLE), "decoder.safetensors: is broken"),
    "a pack of former times": (
        replace("pca.safetensors", PICKLE),
        "a pack of schema 1, which had an encoder of its own",
    ),
    "a header too long": (replace("decoder.safetensors", struct.pack("<Q", 1 << 62) + b"{}"), "is broken"),
    "a header without end": (replace("decoder.safetensors", safetensors(b'{"a":' + DEEP, b"")), "is broken"),
    "a tensor beyond the file": (replace("decoder.safetensors", lie("F16", [2], 4_000)), "is broken"),
    "a tensor that overflows": (replace("decoder.safetensors", lie("F16", [1 << 40, 1 << 40], 64)), "is broken"),
    "numbers that NumPy lacks": (replace("decoder.safetensors", lie("BF16", [32], 64)), "pack/decoder.safetensors: "),
    "more numbers that NumPy lacks": (
        replace("decoder.safetensors", lie("F8_E4M3", [64], 64)),
        "pack/decoder.safetensors: ",
    ),
    "a tensor of whole numbers": (
        replace("decoder.safetensors", lie("I16", [32], 64)),
        "has values that are no finite floats",
    ),
    "other tensors": (replace("decoder.safetensors", lie("F16", [32], 64)), "are not those of the decoder"),
    "a tensor that is not a number": (with_decoder(spoil), "has values that are no finite floats"),
    "a tensor for terminals": (
        with_decoder(lambda tensors: tensors.update({"\x1b[2J\n": np.zeros(2)})),
        r"(first: '\x1b[2J\n')",
    ),
    "a tensor more": (with_decoder(lambda tensors: tensors.update(x=np.zeros(2))), "are not those of the decoder"),
    "a decoder that fills memory": (set_sizes(units=1_000_000, embedding=1_000_000), "are not those of the decoder"),
    "sizes beyond all numbers": (set_sizes(units=10**4200), "are not those of the decoder"),
    "cells that fill memory": (set_sizes(cells=1 << 40), "card.json:decoder.cells"),
    "pieces that are not there": (set_sizes(vocab_size=1 << 40), "are not of the sizes"),
    "other cells": (set_sizes(cells=9), "reads 9 cells"),
}


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


def test_what_is_in_it(maker: Path, large_encoder: EncoderArtefact, pack_file: Path) -> None:
    with zipfile.ZipFile(pack_file) as archive:
        contents = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    manifest = json.loads(contents.pop("manifest.json"))
    assert contents == tree(maker)
    assert {key: manifest[key] for key in ("schema", "language", "encoder", "hooks")} == {
        "schema": 2,
        "language": CODE,
        "encoder": large_encoder.identity,
        "hooks": None,
    }
    assert manifest["files"] == {
        name: {"size": len(content), "sha256": sha256(content).hexdigest()} for name, content in contents.items()
    }
    assert pack_file.stat().st_size < sum(map(len, contents.values())) + 4_000


def test_what_can_not_be_packed(
    maker: Path, tiny_tokenizer: Tokenizer, large_encoder: EncoderArtefact, tmp_path: Path
) -> None:
    bare = load_language(make_language(tmp_path / "bare"))
    with pytest.raises(PackError, match="no trained pack here"):
        write_pack_file(bare, tmp_path / "out")
    with pytest.raises(PackError, match="is a folder"):
        write_pack_file(load_language(maker), tmp_path)
    other = load_language(make_language(tmp_path, "qab"))
    with pytest.raises(PackError, match="is a pack of qaa, not of qab"):
        write_pack_file(other, tmp_path / "out", pack=maker / "pack")
    broken = make_pack(tmp_path / "broken", tiny_tokenizer, large_encoder)
    (broken / "tokenizer.model").write_bytes(b"")
    with pytest.raises(PackError, match="bytes long; its card says"):
        write_pack_file(load_language(maker), tmp_path / "out", pack=broken)
    assert not (tmp_path / "out").exists()


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
