"""An index of pack files: `index.json` beside them, so that packs are installed by the code of their language.

::

    index.json     a row for each pack file: its language, size, hash, encoder, and scores and origins of its card
    CODE.polycap   the pack files
    CODE.md        their cards

An index is a folder of this machine or of a web server.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polycap.errors import PackError
from polycap.files import cache_place, digest, expand_home, read_json, sha256_file, write_json, write_text
from polycap.files.download import download
from polycap.language import read_language
from polycap.pack.card import CARD_MD, read_card
from polycap.pack.pack_file import CODE_PATTERN, SUFFIX, unpack_file

__all__ = ["INDEX_VARIABLE", "IndexedPack", "PackIndex", "read_pack_index", "write_pack_index"]

INDEX_VARIABLE = "POLYCAP_PACK_INDEX"
INDEX_JSON = "index.json"
_SCHEMA = 1
_MOST_BYTES = 8 << 20
_ONE_LINE = r"^[^\p{Cc}\p{Zl}\p{Zp}]*$"  # names are printed


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a later polycap may say more


class IndexedPack(_Row):
    """Pack file of an index.

    Attributes:
        code: code of the language.
        name, native_name: names of the language, in English and in itself.
        file: name of the pack file, beside the index.
        size: bytes of the pack file.
        sha256: hash of the pack file, hexadecimal.
        encoder: identity of the encoder that the pack needs.
        card: name of the pack's card, a Markdown file beside the index.
        created: day of the training.
        origins: origins of the captions that it learned from.
        scores: of each split, the references' origin and number, and the metrics.
        terms: terms of use.
    """

    code: str = Field(pattern=CODE_PATTERN)
    name: str = Field(pattern=_ONE_LINE)
    native_name: str = Field(pattern=_ONE_LINE)
    file: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}$")
    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    encoder: str = Field(pattern=_ONE_LINE)
    card: str = Field(pattern=_ONE_LINE)
    created: str = Field(pattern=_ONE_LINE)
    origins: tuple[str, ...] = ()
    scores: tuple[dict[str, Any], ...] = ()
    terms: tuple[str, ...] = ()


class PackIndex(_Row):
    """Index of pack files.

    Attributes:
        schema_version: version of the form, key `schema` in the file.
        packs: the pack files, sorted by code.
        place: folder or URL of the index, which its pack files are beside.
    """

    schema_version: int = Field(alias="schema", default=_SCHEMA)
    packs: tuple[IndexedPack, ...]
    place: str = Field(default="", exclude=True)

    def get(self, code: str) -> IndexedPack:
        """Return the pack file of a language.

        Raises:
            PackError: the index has none.
        """
        for pack in self.packs:
            if pack.code == code:
                return pack
        codes = ", ".join(pack.code for pack in self.packs) or "none"
        raise PackError(f"{code}: the index {self.place} has no pack of it; it has {codes}")

    def source(self, pack: IndexedPack) -> str:
        """Return path or URL of a pack file."""
        return urljoin(self.place, quote(pack.file)) if "://" in self.place else str(Path(self.place) / pack.file)


def write_pack_index(folder: str | os.PathLike[str]) -> PackIndex:
    """Write the index of the pack files in a folder, and the card of each; the index is written last.

    Raises:
        PackError: the folder has no pack file, one is broken, or two are of one language.
    """
    place = Path(folder)
    paths = sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else []
    if not paths:
        raise PackError(f"{place}: has no pack file; make them with `polycap pack CODE --index {place}`")
    packs: dict[str, IndexedPack] = {}
    for path in paths:
        pack = _describe(path)
        if pack.code in packs:
            raise PackError(f"{path}: is a second pack of {pack.code}, beside {packs[pack.code].file}; remove one")
        packs[pack.code] = pack
    index = PackIndex(packs=tuple(packs[code] for code in sorted(packs)), place=str(place))
    write_json(place / INDEX_JSON, index.model_dump(mode="json", by_alias=True))
    return index


def _describe(path: Path) -> IndexedPack:
    """Return the row of a pack file, after checking its files; write its card beside it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "pack"
        manifest = unpack_file(path, folder)
        language, faults = read_language(folder, code=manifest.language)
        if language is None:
            raise PackError(f"{path}: {' | '.join(map(str, faults))}")
        card = read_card(folder / "pack")
        text = (folder / "pack" / CARD_MD).read_text(encoding="utf-8")
    card_file = path.with_suffix(".md")
    write_text(card_file, text)
    return IndexedPack(
        code=language.code,
        name=language.name,
        native_name=language.native_name,
        file=path.name,
        size=path.stat().st_size,
        sha256=sha256_file(path),
        encoder=manifest.encoder,
        card=card_file.name,
        created=card.created,
        origins=card.origins,
        scores=tuple(card.short_scores),
        terms=tuple(card.terms),
    )


def read_pack_index(place: str | os.PathLike[str] | None = None) -> PackIndex:
    """Read an index.

    Args:
        place: folder or URL of the index, or of its `index.json`. (default: `POLYCAP_PACK_INDEX`)

    Raises:
        PackError: none is named, or it is no index.
        DownloadError: it can't be downloaded.
    """
    named = str(place or os.environ.get(INDEX_VARIABLE, ""))
    if not named:
        raise PackError(f"no index of packs is named: set {INDEX_VARIABLE} to its folder or URL")
    if "://" in named:
        base = named.removesuffix(INDEX_JSON).rstrip("/") + "/"
        with _fetched(base + INDEX_JSON) as path:
            return _parse(path, base, base + INDEX_JSON)
    folder = expand_home(named)
    folder = folder.parent if folder.name == INDEX_JSON else folder
    path = folder / INDEX_JSON
    if not path.is_file():
        raise PackError(f"{path}: no such file; write one with `polycap pack --index {folder}`")
    return _parse(path, str(folder), str(path))


@contextmanager
def _fetched(url: str) -> Iterator[Path]:
    """Yield the downloaded file of an index; it is fetched anew each time."""
    path = cache_place("downloads") / f"{digest(url)}.json"
    path.unlink(missing_ok=True)
    try:
        yield download(url, path, most_bytes=_MOST_BYTES, progress=False)
    finally:
        path.unlink(missing_ok=True)


def _parse(path: Path, place: str, named: str) -> PackIndex:
    content = read_json(path, PackError)
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != _SCHEMA:
        raise PackError(f"{named}: schema {schema!r:.40}; this polycap reads {_SCHEMA}: update polycap")
    try:
        return PackIndex.model_validate({**content, "place": place})
    except ValidationError as error:
        first = error.errors()[0]
        where = repr(".".join(map(str, first["loc"])))[1:-1]
        raise PackError(f"{named}:{where}: {first['msg']}; it is no index of packs") from error
