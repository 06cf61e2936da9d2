"""Tests of polycap/files/hashes.py."""

import os
from pathlib import Path

import pytest

from polycap.files import digest, sha256_file, write_text
from polycap.files.hashes import HashCache


def test_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "file") == expected


def test_digest_is_the_same_for_ever() -> None:
    # identities in stores and packs are made of it
    assert digest({"size": 299, "range": [-1, 1], "name": "é"}) == "46387a1f80f9661f"
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert len({digest(value) for value in (1, "1", [1], {"1": 1}, 1.5, None, "é", "e")}) == 8


def test_hashes_of_files_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    write_text(folder / "photo", "pixels")
    hashes = HashCache(tmp_path / "hashes.json")
    value = hashes.get(folder / "photo")
    hashes.save()
    again = HashCache(tmp_path / "hashes.json")
    assert value == sha256_file(folder / "photo")
    assert again.get(folder / "photo", compute=lambda _: pytest.fail("known already")) == value
