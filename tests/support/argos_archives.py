"""Helpers of the tests in tests/translation/argos."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

MODEL = os.urandom(4_000)


def package_files(source: str = "xa", target: str = "xb", version: str = "1.0", **more: Any) -> dict[str, bytes]:
    """The files of a package; its model is noise, as nobody loads it here."""
    facts = {"from_code": source, "to_code": target, "package_version": version, **more}
    files = {"metadata.json": json.dumps(facts).encode(), "sentencepiece.model": b"pieces", "model/model.bin": MODEL}
    return {f"some-name/{name}": body for name, body in files.items()}


def make_archive(files: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return stream.getvalue()


def save(folder: Path, body: bytes, name: str = "test.argosmodel") -> Path:
    path = folder / name
    path.write_bytes(body)
    return path


def visible(folder: Path) -> list[str]:
    """What lies in the packages' folder but polycap's lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".polycap.lock")
