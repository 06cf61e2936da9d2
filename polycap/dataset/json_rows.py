"""Captions in JSON: JSON Lines, and documents of several kinds.

- JSON Lines, of one's own, `metadata.jsonl` of Hugging Face's image folders, or the output of `polycap caption --json`;
- Karpathy's: `{"images": [{"filename", "split", "sentences": [{"raw"}]}]}`;
- COCO's: `{"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}`;
- a list of the same objects as in JSON Lines, or captions by photo: `{"x.jpg": ["…", "…"]}`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polycap.dataset.dataset import DatasetFault
from polycap.dataset.rows import NAMES, CaptionRow, is_origin, is_weight
from polycap.errors import DatasetError
from polycap.files.strangers import OWN_JSON_BYTES, parse_json

__all__ = ["POLYCAP", "document_rows", "is_json_line", "line_rows"]

POLYCAP = "polycap"
"""Origin of captions that `polycap caption --json` printed."""

_OPTIONAL = '"index" (0, 1, …), "split", "origin" and "weight" (above 0)'
_MALFORMED = f'malformed row; expected {{"image": "x.jpg", "caption": "…"}}, optionally {_OPTIONAL}'


def is_json_line(line: str) -> bool:
    """Return whether a line is a row of JSON Lines."""
    value = _parse(line)
    return isinstance(value, dict) and _first(value, "photo") is not None and not isinstance(value.get("images"), list)


def line_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of a file of JSON Lines."""
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{path.name}:{number}"
        if line.strip():
            value = _parse(line)
            if value is None:
                yield DatasetFault(where, _MALFORMED.replace("row", "row, not JSON", 1))
            else:
                yield from _object_rows(where, value)


def document_rows(path: Path, text: str) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of a JSON document.

    Raises:
        DatasetError: it is not JSON, or of none of the known kinds.
    """
    try:
        value = parse_json(text, most_bytes=OWN_JSON_BYTES)
    except ValueError as error:
        raise DatasetError(f"{path}: is not JSON ({error})") from error
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _object_rows(f"{path.name}:[{number}]", item)
    elif isinstance(value, dict) and isinstance(value.get("annotations"), list):
        yield from _coco_rows(path.name, value)
    elif isinstance(value, dict) and isinstance(value.get("images"), list):
        for number, image in enumerate(value["images"]):
            yield from _karpathy_photo(f"{path.name}:images[{number}]", image)
    elif isinstance(value, dict) and value and all(_texts(item) for item in value.values()):
        for photo, item in value.items():
            for caption in _texts(item):
                yield CaptionRow(f"{path.name}:{photo}", photo, caption)
    else:
        raise DatasetError(
            f"{path}: has no list \"images\"; expected Karpathy's dataset_flickr8k.json, COCO's captions, a list of "
            'objects {"image": …, "caption": …}, or captions by photo'
        )


def _parse(line: str) -> Any:
    """Return the value of a line, or None if it is not JSON."""
    try:
        return parse_json(line)
    except ValueError:
        return None


def _first(value: dict[str, Any], kind: str) -> Any:
    """Return the value of the first key of a kind that an object has, or None."""
    return next((value[key] for key in NAMES[kind] if value.get(key) is not None), None)


def _texts(value: object) -> list[str]:
    """Return one caption, or several; none if the value is neither."""
    items = value if isinstance(value, list) else [value]
    texts = [item.get("raw") if isinstance(item, dict) else item for item in items]
    return [str(text) for text in texts] if all(isinstance(text, str) for text in texts) else []


def _photo_name(value: object) -> str:
    """Return a photo's name, which may be a number; empty if it is no name."""
    return str(value).strip() if isinstance(value, str) or type(value) is int else ""


def _object_rows(where: str, value: Any) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of an object of JSON Lines."""
    if isinstance(value, dict) and "photo" in value and isinstance(value.get("error"), str):
        yield DatasetFault(where, f"an error instead of a caption ({value['error']}); left out")
        return
    if not isinstance(value, dict) or not _has_valid_fields(value):
        yield DatasetFault(where, _MALFORMED)
        return
    photo, texts, index = _photo_name(_first(value, "photo")), _texts(_first(value, "text")), _first(value, "index")
    is_own = {"photo", "candidates", "language"} <= value.keys()
    origin = value.get("origin") or (POLYCAP if is_own else None)
    language = _first(value, "language")
    for text in texts:
        yield CaptionRow(
            where,
            photo,
            text,
            index if len(texts) == 1 else None,
            value.get("split"),
            origin,
            value.get("weight"),
            language if isinstance(language, str) else None,
        )


def _has_valid_fields(value: dict[str, Any]) -> bool:
    """Return whether an object has a photo and captions, and no other field with a value that it can't have."""
    index, split, origin, weight = _first(value, "index"), *(value.get(key) for key in ("split", "origin", "weight"))
    return (
        bool(_photo_name(_first(value, "photo")))
        and bool(_texts(_first(value, "text")))
        and (index is None or (type(index) is int and index >= 0))  # in Python True is an int, but it is no index
        and isinstance(split, str | None)
        and (origin is None or is_origin(origin))
        and (weight is None or is_weight(weight))
    )


def _coco_rows(name: str, value: dict[str, Any]) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of COCO's JSON, whose captions name photos by number."""
    images = value.get("images")
    listed = [image for image in images if isinstance(image, dict)] if isinstance(images, list) else []
    photos = {str(image.get("id")): image.get("file_name") for image in listed}
    for number, annotation in enumerate(value["annotations"]):
        where = f"{name}:annotations[{number}]"
        text = annotation.get("caption") if isinstance(annotation, dict) else None
        photo = photos.get(str(annotation.get("image_id"))) if isinstance(annotation, dict) else None
        if isinstance(text, str) and isinstance(photo, str) and photo.strip():
            yield CaptionRow(where, photo, text)
        else:
            yield DatasetFault(
                where, 'malformed entry; expected a text "caption" and the "image_id" of one of "images"'
            )


def _karpathy_photo(where: str, image: Any) -> Iterator[CaptionRow | DatasetFault]:
    """Yield the rows of one photo of Karpathy's JSON."""
    photo, sentences, split = (
        (image.get(key) for key in ("filename", "sentences", "split"))
        if isinstance(image, dict)
        else (None, None, None)
    )
    has_photo = isinstance(photo, str) and photo.strip()
    if not has_photo or not isinstance(sentences, list) or not isinstance(split, str | None):
        yield DatasetFault(where, 'malformed entry; expected "filename", "split" and a list "sentences"')
        return
    for index, sentence in enumerate(sentences):
        text = sentence.get("raw") if isinstance(sentence, dict) else None
        sentence_where = f"{where}.sentences[{index}]"
        if isinstance(text, str):
            yield CaptionRow(sentence_where, str(photo), text, index, split)
        else:
            yield DatasetFault(sentence_where, 'malformed sentence; expected a text "raw"')
