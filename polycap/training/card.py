"""A pack's card, with the terms of data and weights."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from polycap.dataset import Photo, count_origins, main_origin
from polycap.decoder.base import Decoder
from polycap.pack.card import Card, read_card
from polycap.training.inputs import TrainingInputs

__all__ = ["make_card"]

ENCODER_TERMS = (
    "The encoder's weights are Keras' ImageNet Xception; ImageNet is for non-commercial research and education."
)
OTHER_TERMS = "The photos and captions that it was trained on may carry terms of their own: ask whoever made the pack."


def _origins(photos: Sequence[Photo]) -> str:
    """How many captions of each origin there are, and their weight where it is not 1."""
    weights: dict[str, set[float]] = {}
    for photo in photos:
        for caption in photo.captions:
            weights.setdefault(caption.origin, set()).add(caption.weight)
    parts = []
    for origin, count in count_origins(photos).items():
        shown = "/".join(f"{weight:g}" for weight in sorted(weights[origin]))
        parts.append(f"{count} {origin}" + (f" (weight {shown})" if weights[origin] != {1.0} else ""))
    return ", ".join(parts)


def _before(inputs: TrainingInputs, config: dict[str, Any]) -> dict[str, Any]:
    """Where a run only went on from a pack, how that was trained."""
    if inputs.start is None or config["settings"]["epochs"]:
        return {}
    return {"trained before": read_card(inputs.start).training}


def _terms(inputs: TrainingInputs) -> list[str]:
    """The terms of the data, of the packs that training began with, and of the encoder, each once."""
    packs = [term for pack in (inputs.start, inputs.photo_layers) if pack for term in read_card(pack).terms]
    return list(dict.fromkeys([*(inputs.dataset.terms or [OTHER_TERMS]), *inputs.terms, *packs, ENCODER_TERMS]))


def _photo_layers(config: dict[str, Any]) -> dict[str, Any]:
    """Return where the photo layers are from, if they are not the decoder's own."""
    keys = ("photo layers", "side by side")
    return {key: config[key] for key in keys if config[key]}


def make_card(inputs: TrainingInputs, config: dict[str, Any], decoder: Decoder, learned: dict[str, Any]) -> Card:
    dataset = inputs.dataset
    train = inputs.photos("train")
    return Card(
        language=inputs.language.code,
        decoder=decoder.settings,
        encoder=config["encoder"],
        pca=config["pca"],
        tokenizer=config["tokenizer"],
        data={
            "name": dataset.name,
            "splits": dataset.split_source,
            "caption origin": dataset.caption_origin,
            "train photos": len(train),
            "train captions": sum(len(photo.captions) for photo in train),
            "train captions by origin": _origins(train),
            "fingerprint": config["dataset"],
            "views": ", ".join(config["views"]),
        },
        terms=_terms(inputs),
        training={
            **config["settings"],
            "begins with": config["start"] or "nothing",
            **_photo_layers(config),
            **_before(inputs, config),
            "chosen by": f"dev BLEU-4 of free-running captions, references: {main_origin(inputs.photos('dev'))}",
            **learned,
        },
        created=datetime.now(UTC).date().isoformat(),
        versions=config["versions"],
    )
