"""Captions to look at: photos of the dev split, their captions by several sets of packs, and their hidden order."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from polycap.errors import PolycapError
from polycap.files import digest, read_json
from polycap.pack.card import CARD_JSON, card_hash

__all__ = ["PackSet", "Shown", "choose_photos", "read_set", "shuffle_captions", "to_key"]

IDENTITIES = "packs.json"
"""File of the packs' identities by language code, beside rows of captions; optional."""


@dataclass(frozen=True)
class PackSet:
    """Captions by one set of packs.

    Attributes:
        name: name of the set, such as old.
        packs: identity of each language's pack, by code.
        captions: captions by language code and photo name.
    """

    name: str
    packs: dict[str, str]
    captions: dict[str, dict[str, str]]

    def caption(self, code: str, photo: str) -> str:
        """Return the caption of a photo.

        Raises:
            PolycapError: the set has none.
        """
        text = self.captions.get(code, {}).get(photo)
        if text is None:
            raise PolycapError(f"{self.name}: has no caption of {photo} in {code}; caption all photos of `photos`")
        return text


@dataclass(frozen=True)
class Shown:
    """A caption that is shown: once, also if packs of several sets wrote it.

    Attributes:
        number: its number on the sheets.
        photo: name of the photo.
        language: code of the language.
        text: the caption.
        packs: identities of the packs that wrote it, by name of the set.
    """

    number: int
    photo: str
    language: str
    text: str
    packs: dict[str, str]


def choose_photos(data: Path, count: int) -> dict[str, Path]:
    """Return the dev photos with the lowest SHA-256 of their names, by name, lowest first."""
    from polycap.dataset import load_dataset

    photos = sorted(load_dataset(data).split("dev"), key=lambda photo: sha256(photo.name.encode()).hexdigest())
    return {photo.name: photo.path for photo in photos[:count]}


def read_set(text: str, photos: Mapping[str, Path]) -> PackSet:
    """Read the captions of `NAME=FOLDER`: rows of `polycap caption --json`, or else packs, which caption the photos.

    Args:
        text: name and folder. The folder holds files of rows (.json or .jsonl), or packs as CODE or CODE/pack.
        photos: paths of the photos, by name.

    Raises:
        PolycapError: the folder has neither, or a pack can't be used.
    """
    name, equals, path = text.partition("=")
    folder = Path(path)
    if not (name and equals and folder.is_dir()):
        raise PolycapError(f"`packs` {text}: expected NAME=FOLDER, where FOLDER exists")
    files = sorted(file for file in folder.glob("*.json*") if file.is_file() and file.name != IDENTITIES)
    if files:
        return _read_rows(name, folder, files)
    packs = [card.parent for form in (f"*/{CARD_JSON}", f"*/pack/{CARD_JSON}") for card in sorted(folder.glob(form))]
    if not packs:
        raise PolycapError(f"{folder}: has neither rows of `polycap caption --json` nor packs as CODE or CODE/pack")
    return _caption(name, packs, photos)


def _read_rows(name: str, folder: Path, files: Iterable[Path]) -> PackSet:
    captions: dict[str, dict[str, str]] = {}
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                captions.setdefault(row["language"], {})[Path(row["photo"]).name] = row["caption"]
            except (ValueError, KeyError, TypeError) as error:
                raise PolycapError(f"{file}:{number}: is no caption of `polycap caption --json`") from error
    named = read_json(folder / IDENTITIES, PolycapError) if (folder / IDENTITIES).is_file() else {}
    packs = {code: named.get(code) or f"captions:{digest(texts)}" for code, texts in captions.items()}
    return PackSet(name, packs, captions)


def _caption(name: str, folders: Sequence[Path], photos: Mapping[str, Path]) -> PackSet:
    import polycap

    group = polycap.load([str(folder.resolve()) for folder in folders])
    packs = {code: card_hash(captioner.pack.card) for code, captioner in group.captioners.items()}
    captions: dict[str, dict[str, str]] = {code: {} for code in packs}
    for photo, results in zip(photos, group.pipe(list(photos.values())), strict=True):
        for code, caption in results.items():
            captions[code][photo] = caption.text
    return PackSet(name, packs, captions)


def shuffle_captions(sets: Sequence[PackSet], photos: Iterable[str], codes: Sequence[str], seed: int) -> list[Shown]:
    """Return all captions, numbered from 1: by photo and language, of each language in an order by chance.

    Args:
        sets: captions by sets of packs.
        photos: names of the photos.
        codes: codes of the languages.
        seed: seed of the order.

    Raises:
        PolycapError: a set lacks a caption.
    """
    shown: list[Shown] = []
    for photo in photos:
        for code in codes:
            packs: dict[str, dict[str, str]] = {}
            for one in sets:
                packs.setdefault(one.caption(code, photo), {})[one.name] = one.packs[code]
            texts = sorted(packs)
            Random(f"{seed} {photo} {code}").shuffle(texts)
            shown += [Shown(len(shown) + place, photo, code, text, packs[text]) for place, text in enumerate(texts, 1)]
    return shown


def to_key(shown: Sequence[Shown]) -> dict[str, Any]:
    """Return the key: the hidden origin of each number, and the sitting, a hash of all of it."""
    captions = {
        str(caption.number): {"photo": caption.photo, "language": caption.language}
        | {"caption": caption.text, "packs": caption.packs}
        for caption in shown
    }
    return {"sitting": digest(captions), "captions": captions}
