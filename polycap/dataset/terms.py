"""Terms of use of a dataset: those of `TERMS.txt`, and those of Flickr8k, recognised by photo names and files.

`TERMS.txt` in a dataset's folder has one term per paragraph. A pack that is trained on the dataset carries them.
"""

import re
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path

from polycap.dataset.readers import read_text_file
from polycap.files import write_text

__all__ = ["FLICKR8K_TERMS", "TERMS_FILE", "find_terms", "name_hash", "write_terms"]

TERMS_FILE = "TERMS.txt"
"""Name of the file of terms, in the dataset's folder or beside its caption file."""

FLICKR8K_TERMS = (
    "Flickr8k is for non-commercial research and education; cite Hodosh, Young and Hockenmaier (2013), "
    "JAIR 47:853–899. What is trained on it carries these terms."
)

_FLICKR_NAME = re.compile(r"[0-9]+_[0-9a-f]{10}")
_FLICKR8K_FILES = re.compile(r"flickr_?8k[._]", re.IGNORECASE)
"""Pattern of the names of the release's text files and of Karpathy's JSON, such as Flickr_8k.trainImages.txt."""
_KARPATHY_END, _END_BYTES = re.compile(rb'"dataset":\s*"flickr8k"'), 200  # the dataset's name is at the end
_NAMES_FILE = "flickr8k_names.bin"
_HASH_BYTES = 4


def find_terms(folders: Iterable[Path], photos: Iterable[str]) -> tuple[str, ...]:
    """Return a dataset's terms.

    Args:
        folders: the dataset's folder, and other folders of its files.
        photos: names of the photos; a single photo of Flickr8k adds the terms of Flickr8k.

    Raises:
        DatasetError: a `TERMS.txt` can't be read.
    """
    folders = list(dict.fromkeys(folders))
    terms = [paragraph for folder in folders for paragraph in _read_terms(folder / TERMS_FILE)]
    if any(map(_is_flickr8k_photo, photos)) or any(map(_has_flickr8k_file, folders)):
        terms.insert(0, FLICKR8K_TERMS)
    return tuple(dict.fromkeys(terms))


def write_terms(folder: Path, *terms: str) -> None:
    """Write `TERMS.txt`, unless it exists: its owner may have added terms."""
    if not (folder / TERMS_FILE).exists():
        write_text(folder / TERMS_FILE, "\n\n".join(terms) + "\n")


def name_hash(name: str) -> bytes:
    """Return the hash of a photo's name on Flickr, 4 bytes: small to ship, and enough to tell 8,091 names apart."""
    return sha256(name.encode()).digest()[:_HASH_BYTES]


def _read_terms(path: Path) -> list[str]:
    """Return the paragraphs of a file, each on one line; none if it doesn't exist."""
    if not path.is_file():
        return []
    paragraphs = re.split(r"\n\s*\n", read_text_file(path))
    return [" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip()]


def _is_flickr8k_photo(name: str) -> bool:
    """Return whether a file name contains a name of Flickr8k; prefix and format may differ."""
    match = _FLICKR_NAME.search(name)
    return match is not None and name_hash(match[0]) in _flickr8k_hashes()


@cache
def _flickr8k_hashes() -> frozenset[bytes]:
    """Return the hashes of the names of Flickr8k's photos."""
    content = (Path(__file__).parent / _NAMES_FILE).read_bytes()
    return frozenset(content[start : start + _HASH_BYTES] for start in range(0, len(content), _HASH_BYTES))


def _has_flickr8k_file(folder: Path) -> bool:
    """Return whether a folder has a text file of the release, or Karpathy's JSON of it under any name."""
    try:
        paths = list(folder.iterdir())
    except OSError:  # the folder of a caption file that the caller named may not be readable
        return False
    return any(_FLICKR8K_FILES.search(path.name) or _is_karpathy(path) for path in paths)


def _is_karpathy(path: Path) -> bool:
    """Return whether a file is Karpathy's JSON of Flickr8k, by the dataset's name at its end."""
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _END_BYTES))
        return _KARPATHY_END.search(stream.read()) is not None
