"""Files that were mutated, by fixed seeds: each is read, or refused by one sentence, in a few seconds.

`scripts/fuzz 5000` is the long form.
"""

import io
import json
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from mutations import mutate
from polycap.dataset.readers import read_captions
from polycap.encoder.artefact import encoder_folder, open_encoder
from polycap.encoder.encoder_card import read_encoder_card
from polycap.errors import PolycapError, one_line
from polycap.files import sha256_file, write_json
from polycap.language import Language, Registry
from polycap.language.folder import read_language
from polycap.pack.card import read_card
from polycap.pack.pack import load_pack
from polycap.pack.pack_file import read_manifest, unpack_file, write_pack_file
from polycap.photos.load import load_photo

LIMIT_S = 5.0

Read = Callable[[Path], object]


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--mutations"))


@pytest.fixture
def language() -> Language:
    """A trained language, of those that are shipped."""
    return next(language for language in Registry.discover().languages if language.status == "trained")


def fuzz(path: Path, read: Read, count: int, *, end: int | None = None, prepare: Read = bool) -> None:
    """Read a file in as many mutations; of its bytes up to `end` alone, where the rest is all alike.

    `prepare` is called before each reading, which alone is timed.
    """
    content, failures = path.read_bytes(), {}
    for seed in range(count):
        path.write_bytes(mutate(content[:end], seed) + (b"" if end is None else content[end:]))
        prepare(path)
        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(path)
        except PolycapError as error:
            if "\n" in one_line(error) or len(str(error)) > 2000:
                failures[seed] = f"a message of {len(str(error))} letters"
        except Exception as error:
            failures[seed] = f"{type(error).__name__}: {error}"[:300]
        if time.process_time() - start > LIMIT_S:
            failures[seed] = "slow"
    assert failures == {}


# --- captions ---

CAPTIONS = {
    "token.txt": "a.jpg#0\ta red circle\na.jpg#1\tein blauer Kreis\nb.jpg#0\t一个圆\n",
    "table.csv": 'image,caption\na.jpg,"a red, circle"\nb.jpg,"a ""blue"" bar"\n',
    "lines.jsonl": '{"photo": "a.jpg", "caption": "a red circle", "origin": "human"}\n{"photo": "b.jpg"}\n',
    "karpathy.json": json.dumps(
        {"images": [{"filename": "a.jpg", "split": "train", "sentences": [{"raw": "a red circle"}]}]}
    ),
}


@pytest.mark.parametrize("name", CAPTIONS)
def test_caption_files(name: str, count: int, tmp_path: Path) -> None:
    (tmp_path / name).write_text(CAPTIONS[name], encoding="utf-8")
    fuzz(tmp_path / name, read_captions, count)


# --- languages ---


def test_language_tables(language: Language, count: int, tmp_path: Path) -> None:
    folder = tmp_path / language.code
    folder.mkdir()
    path = Path(shutil.copy(language.folder / "language.toml", folder))
    fuzz(path, lambda path: read_language(path.parent, code=language.code), count)


# --- packs ---


@pytest.fixture
def pack(language: Language, tmp_path: Path) -> Path:
    return Path(shutil.copytree(language.pack_folder, tmp_path / "pack"))


def rehash(path: Path) -> None:
    """Enter a file's new hash into its pack's card, so that the parser sees the damage."""
    card = path.parent / "card.json"
    content = json.loads(card.read_bytes())
    content["files"][path.name] = {"size": path.stat().st_size, "sha256": sha256_file(path)}
    write_json(card, content)


def test_cards_of_packs(pack: Path, count: int) -> None:
    fuzz(pack / "card.json", lambda path: read_card(path.parent), count)


@pytest.mark.parametrize(("name", "end"), [("decoder.safetensors", 600), ("tokenizer.model", None)])
def test_files_of_packs(name: str, end: int | None, pack: Path, count: int) -> None:
    encoder = open_encoder()
    fuzz(pack / name, lambda path: load_pack(path.parent, encoder), count, end=end, prepare=rehash)


def test_pack_files(language: Language, count: int, tmp_path: Path) -> None:
    path = write_pack_file(language, tmp_path / "mutated.polycap").path
    out = tmp_path / "place" / "out"

    def read(path: Path) -> None:
        read_manifest(path)
        unpack_file(path, out)

    fuzz(path, read, count, prepare=lambda _: shutil.rmtree(out, ignore_errors=True))
    assert {each.name for each in tmp_path.iterdir()} <= {"mutated.polycap", "place"}


def test_cards_of_encoders(count: int, tmp_path: Path) -> None:
    path = Path(shutil.copy(encoder_folder() / "card.json", tmp_path / "card.json"))
    fuzz(path, lambda path: read_encoder_card(path.parent), count)


# --- photos ---


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "HEIF"])
def test_photos(kind: str, count: int, tmp_path: Path) -> None:
    photo = Image.radial_gradient("L").resize((40, 24)).convert("RGB")
    content = io.BytesIO()
    try:
        photo.save(content, kind)
    except KeyError:
        pytest.skip(f"Pillow writes no {kind} here")
    path = tmp_path / f"photo.{kind.lower()}"
    path.write_bytes(content.getvalue())
    fuzz(path, lambda path: load_photo(path, 32), count)
