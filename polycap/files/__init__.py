"""Files on disk: atomic writes, hashes, archives, downloads, locks."""

from polycap.files.atomic import atomic_path, write_json, write_text
from polycap.files.folders import (
    cache_folder,
    cache_place,
    expand_home,
    find_cached,
    make_folder,
    packs_folder,
    path_variable,
)
from polycap.files.hashes import digest, sha256_file
from polycap.files.strangers import parse_json, read_json

__all__ = [
    "atomic_path",
    "cache_folder",
    "cache_place",
    "digest",
    "expand_home",
    "find_cached",
    "make_folder",
    "packs_folder",
    "parse_json",
    "path_variable",
    "read_json",
    "sha256_file",
    "write_json",
    "write_text",
]
