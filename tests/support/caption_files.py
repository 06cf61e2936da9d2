"""Helpers of the tests in tests/dataset."""

from pathlib import Path

from PIL import Image

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


def add_photos(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (8, 6), "red").save(folder / name, "JPEG")
    return folder


def token_rows(names: tuple[str, ...] = NAMES, count: int = 2) -> str:
    return "".join(f"{name}#{i}\tdog {i} of {name}\n" for name in names for i in range(count))


def add_official(folder: Path, **lists: str) -> None:
    for split, names in lists.items():
        (folder / f"Flickr_8k.{split}Images.txt").write_text("".join(f"{n}\n" for n in names.split()))
