"""A dataset's terms: those in its folder, and Flickr8k's, which is recognised by its photos and files.

`TERMS.txt` in a dataset's folder holds terms, a paragraph each. A pack that is trained on the dataset carries them.
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
FLICKR8K_TERMS = (
    "Flickr8k is for non-commercial research and education; cite Hodosh, Young and Hockenmaier (2013), "
    "JAIR 47:853–899. What is trained on it carries these terms."
)

_FLICKR_NAME = re.compile(r"[0-9]+_[0-9a-f]{10}")
_FLICKR8K_FILES = re.compile(r"flickr_?8k[._]", re.IGNORECASE)
"""In the names of the release's text files and of Karpathy's JSON, such as Flickr_8k.trainImages.txt."""
_KARPATHY_END, _END_BYTES = re.compile(rb'"dataset":\s*"flickr8k"'), 200
_NAMES_FILE = "flickr8k_names.bin"
_HASH_BYTES = 4


def find_terms(folders: Iterable[Path], photos: Iterable[str]) -> tuple[str, ...]:
    """Return a dataset's terms.

    Args:
        folders: the dataset's folder, and others that its files lie in.
        photos: the photos' names; one photo of Flickr8k brings its terms, whatever else is there.

    Raises:
        DatasetError: a `TERMS.txt` can't be read.
    """
    folders = list(dict.fromkeys(folders))
    terms = [paragraph for folder in folders for paragraph in _read_terms(folder / TERMS_FILE)]
    if any(map(_is_flickr8k_photo, photos)) or any(map(_has_flickr8k_file, folders)):
        terms.insert(0, FLICKR8K_TERMS)
    return tuple(dict.fromkeys(terms))


def write_terms(folder: Path, *terms: str) -> None:
    """Write `TERMS.txt`, unless it is there: its owner may have added to it."""
    if not (folder / TERMS_FILE).exists():
        write_text(folder / TERMS_FILE, "\n\n".join(terms) + "\n")


def name_hash(name: str) -> bytes:
    """Return the hash of a photo's name on Flickr, 4 bytes: few enough to ship, and enough to tell 8,091 names."""
    return sha256(name.encode()).digest()[:_HASH_BYTES]


def _read_terms(path: Path) -> list[str]:
    if not path.is_file():
        return []
    paragraphs = re.split(r"\n\s*\n", read_text_file(path))
    return [" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip()]


def _is_flickr8k_photo(name: str) -> bool:
    """Whether a name has one of Flickr8k's in it; format and folder prefix may have changed."""
    found = _FLICKR_NAME.search(name)
    return found is not None and name_hash(found[0]) in _flickr8k_names()


@cache
def _flickr8k_names() -> frozenset[bytes]:
    content = (Path(__file__).parent / _NAMES_FILE).read_bytes()
    return frozenset(content[start : start + _HASH_BYTES] for start in range(0, len(content), _HASH_BYTES))


def _has_flickr8k_file(folder: Path) -> bool:
    """Whether a folder holds a text file of the release, or Karpathy's JSON of it under any name."""
    try:
        paths = list(folder.iterdir())
    except OSError:  # of a caption file that was named: its folder may be closed
        return False
    return any(_FLICKR8K_FILES.search(path.name) or _is_karpathy(path) for path in paths)


def _is_karpathy(path: Path) -> bool:
    """Whether it is Karpathy's JSON of Flickr8k, by the dataset's name at its end."""
    if path.suffix != ".json" or not path.is_file():
        return False
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _END_BYTES))
        return _KARPATHY_END.search(stream.read()) is not None
