"""Card of a trained pack, with the terms of data and weights."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from polycap.dataset import Photo, count_origins, main_origin
from polycap.decoder.settings import DecoderSettings
from polycap.pack.card import Card, read_card
from polycap.training.inputs import TrainingInputs

__all__ = ["ENCODER_TERMS", "OTHER_TERMS", "describe_origins", "make_card"]

ENCODER_TERMS = (
    "The encoder's weights are Keras' ImageNet Xception; ImageNet is for non-commercial research and education."
)
OTHER_TERMS = "The photos and captions that it was trained on may carry terms of their own: ask whoever made the pack."


def describe_origins(photos: Sequence[Photo]) -> str:
    """Describe the number of captions of each origin, and their weights if not 1."""
    weights: dict[str, set[float]] = {}
    for photo in photos:
        for caption in photo.captions:
            weights.setdefault(caption.origin, set()).add(caption.weight)
    parts = []
    for origin, count in count_origins(photos).items():
        shown = "/".join(f"{weight:g}" for weight in sorted(weights[origin]))
        parts.append(f"{count} {origin}" + (f" (weight {shown})" if weights[origin] != {1.0} else ""))
    return ", ".join(parts)


def _earlier_training(inputs: TrainingInputs, config: dict[str, Any]) -> dict[str, Any]:
    """Return the training of the initial pack, if the run had no epoch of teacher forcing itself."""
    if inputs.initial_pack is None or config["settings"]["epochs"]:
        return {}
    return {"trained before": read_card(inputs.initial_pack).training}


def _terms(inputs: TrainingInputs) -> list[str]:
    """Return the terms of the data, of the pack that the run began with, and of the encoder, each once."""
    earlier = read_card(inputs.initial_pack).terms if inputs.initial_pack else []
    own = inputs.dataset.terms or [OTHER_TERMS]
    return list(dict.fromkeys([*own, *inputs.terms, *earlier, *inputs.encoder.card.terms]))


def make_card(
    inputs: TrainingInputs, config: dict[str, Any], decoder: DecoderSettings, results: dict[str, Any]
) -> Card:
    """Return the card of a trained pack, without scores and files.

    Args:
        inputs: inputs of the run.
        config: contents of the run's `config.json`.
        decoder: settings of the decoder.
        results: selection of the weights, time and machine, for the card's `training`.
    """
    dataset = inputs.dataset
    train = inputs.photos("train")
    return Card(
        language=inputs.language.code,
        decoder=decoder,
        encoder=inputs.encoder.identity,
        tokenizer=config["tokenizer"],
        data={
            "name": dataset.name,
            "splits": dataset.split_source,
            "caption origin": dataset.caption_origin,
            "train photos": len(train),
            "train captions": sum(len(photo.captions) for photo in train),
            "train captions by origin": describe_origins(train),
            "fingerprint": config["dataset"],
            "views": ", ".join(config["views"]),
        },
        terms=_terms(inputs),
        training={
            **config["settings"],
            "begins with": config["start"] or "nothing",
            **({"side by side": config["side by side"]} if config.get("side by side") else {}),
            **_earlier_training(inputs, config),
            "chosen by": f"dev BLEU-4 of free-running captions, references: {main_origin(inputs.photos('dev'))}",
            **results,
        },
        created=datetime.now(UTC).date().isoformat(),
        versions=config["versions"],
    )
