"""A pack file used without being installed: checked, and unpacked into the cache."""

import shutil
import tempfile
from pathlib import Path

from polycap.errors import PackError, PolycapError
from polycap.files import cache_place, find_cached, sha256_file
from polycap.language import Language, Registry, read_language
from polycap.pack.pack_file import hooks_hash, read_manifest, unpack_file

__all__ = ["open_pack_file"]


def open_pack_file(path: Path, registry: Registry) -> tuple[Language, Path]:
    """Unpack a pack file into the cache, once, and return its language and the folder of its pack.

    As with an installed pack, a language that is in reach keeps its own facts and hooks. Nothing of the file is ever
    executed.

    Raises:
        PackError: the file is no pack file, is broken or is not safe to unpack; or its language needs hooks that are
            not there.
    """
    manifest = read_manifest(path)
    folder = _unpacked(path, manifest.language)
    known = next((entry.language for entry in registry.entries if entry.code == manifest.language), None)
    if manifest.hooks and (known is None or hooks_hash(known.folder) is None):
        raise PackError(
            f"{path}: the text of {manifest.language} is normalised by a hooks.py, and packs carry no code; first "
            f"install the plugin that has the language {manifest.language}, or name its folder in POLYCAP_LANGUAGES"
        )
    packed, faults = read_language(folder, code=manifest.language)
    if packed is None:
        raise PackError(f"{path}: {' | '.join(map(str, faults))}")
    return known or packed, packed.own_pack_folder


def _unpacked(path: Path, code: str) -> Path:
    name = f"packs/{sha256_file(path)}"
    if found := find_cached(f"{name}/{code}/language.toml"):
        return found.parent
    place = cache_place("packs")
    try:
        with tempfile.TemporaryDirectory(dir=place, prefix=".", ignore_cleanup_errors=True) as temporary:
            new = Path(temporary) / "new"
            unpack_file(path, new / code)
            shutil.rmtree(place.parent / name, ignore_errors=True)  # one that is not whole
            try:
                new.rename(place.parent / name)
            except OSError:
                if not (place.parent / name / code).is_dir():  # else another process was quicker, with the same
                    raise
    except OSError as error:
        raise PolycapError(f"{place}: can't be written ({error}); name another folder in POLYCAP_CACHE") from error
    return place.parent / name / code
