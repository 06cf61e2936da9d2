"""Names of photos as caption files have them: with folders, backslashes, another case or form, or no suffix."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePosixPath

from polycap.photos.suffixes import PHOTO_SUFFIXES

__all__ = ["match_names", "near_names", "photo_key", "photo_keys"]


def photo_key(name: str) -> str:
    """Return the key of a photo's name: NFC, since some file systems decompose accents, and caption files don't."""
    return unicodedata.normalize("NFC", name.strip())


def photo_keys(names: Iterable[str]) -> dict[str, str]:
    """Return the key of each name: as by `photo_key`, or the name itself where two names would have one key."""
    keys = {name: photo_key(name) for name in names}
    count = Counter(keys.values())
    return {name: key if count[key] == 1 else name.strip() for name, key in keys.items()}


def match_names(names: Iterable[str], photos: Collection[str]) -> dict[str, str]:
    """Return the photos that are meant by names which are not a photo's own.

    A photo is meant if no other photo, and by no other name, could be: first in another Unicode form, then without the
    name's folders, then in another case, and last without a suffix.

    Args:
        names: names of photos in a caption file.
        photos: names of the photos.
    """
    known = set(photos)
    open_names = {name for name in names if name not in known}
    taken = {name for name in names if name in known}
    meant: dict[str, str] = {}
    for key in (photo_key, _without_folders, _without_case):
        if not open_names:
            break
        _match(open_names, taken, meant, _by_key(key, open_names), _by_key(key, known))
    bare = {name for name in open_names if PurePosixPath(_without_case(name)).suffix not in PHOTO_SUFFIXES}
    if bare:
        _match(bare, taken, meant, _by_key(_without_case, bare), _by_key(_without_suffix, known))
    return meant


def near_names(names: Collection[str], photos: Iterable[str]) -> dict[str, list[str]]:
    """Return the photos whose names are as each name's but for folders, case and suffix; none for most names."""
    by_stem = _by_key(_without_suffix, photos) if names else {}
    return {name: sorted(by_stem.get(_without_suffix(name), [])) for name in names}


def _match(
    open_names: set[str],
    taken: set[str],
    meant: dict[str, str],
    names: Mapping[str, list[str]],
    photos: Mapping[str, list[str]],
) -> None:
    """Add the names and photos that have a key to themselves to `meant`."""
    for key, same in names.items():
        candidates = photos.get(key, [])
        if len(same) == len(candidates) == 1 and candidates[0] not in taken:
            meant[same[0]] = candidates[0]
            taken.add(candidates[0])
            open_names.discard(same[0])


def _by_key(key: Callable[[str], str], names: Iterable[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for name in names:
        grouped[key(name)].append(name)
    return grouped


def _without_folders(name: str) -> str:
    return photo_key(name).replace("\\", "/").rpartition("/")[2]


def _without_case(name: str) -> str:
    return _without_folders(name).casefold()


def _without_suffix(name: str) -> str:
    bare = PurePosixPath(_without_case(name))
    return bare.stem if bare.suffix in PHOTO_SUFFIXES else bare.name
