"""Tests of polycap/translation/argos/archive.py."""

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from argos_archives import MODEL, make_archive, package_files, save, visible
from polycap.errors import TranslationError
from polycap.files.archive import ArchiveLimits
from polycap.translation.argos.packages import install_file

# --- hostile and broken archives ---

BAD_NAMES = ["../evil", "/evil", "some-name/../../evil", "C:/evil", "..\\evil", "some-name//evil", "./some-name/evil"]


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of packages in these tests, which does not exist yet."""
    folder = tmp_path / "argos" / "packages"
    monkeypatch.setenv("ARGOS_PACKAGES_DIR", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


def refused(tmp_path: Path, packages: Path, body: bytes, reason: str) -> None:
    """Check that an archive is refused with a reason and its name, and that no file of it is left."""
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
    """As in Fifield's bomb: each entry's ratio is small, that of the archive is not."""
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
    monkeypatch.setattr("polycap.translation.argos.archive._LIMITS", limits)
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


def test_a_package_with_byte_pairs_is_complete(tmp_path: Path) -> None:
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
        ("[]", "is not the metadata of a translation package"),
        ('{"type": "sbd"}', "is not the metadata of a translation package"),
        ("{}", "from_code: received None"),
        ('{"from_code": "../x", "to_code": "xb", "package_version": "1"}', r"from_code: received '\.\./x'"),
        ('{"from_code": "xa", "to_code": 7, "package_version": "1"}', "to_code: received 7"),
        ('{"from_code": "xa", "to_code": "xb", "package_version": "1/../2"}', "package_version: received"),
        ('{"from_code": "xa", "to_code": "xb"}' + " " * (1 << 20), "is too large"),
    ],
)
def test_broken_metadata(text: str, reason: str, tmp_path: Path, packages: Path) -> None:
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
