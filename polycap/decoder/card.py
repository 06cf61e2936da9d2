"""`CARD.md`: a model card for people, written from `card.json`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from polycap.decoder.card_scores import scores_text

if TYPE_CHECKING:
    from polycap.decoder.pack import Card

__all__ = ["card_text"]


def card_text(card: "Card") -> str:
    """The card as Markdown."""
    size = sum(entry.size for entry in card.files.values()) / 1e6
    sections = [
        f"# polycap pack: {card.language}",
        f"An image caption decoder for polycap, kind `{card.decoder.kind}`, {size:.1f} MB, made {card.created}. "
        "It reads the features of polycap's shared Xception encoder; see polycap's README for its use.",
        "## Scores",
        scores_text(card.scores),
        "## Data and terms",
        _listing(card.data),
        "\n".join(f"- {term}" for term in card.terms),
        "## Identity",
        _listing({"encoder": card.encoder, "PCA": card.pca or "none", "tokenizer": card.tokenizer}),
        "## Training",
        _listing(card.training),
        "## Decoder",
        _listing(card.decoder.model_dump()),
        "## Versions",
        _listing(card.versions),
        "## Known limits",
        "Trained on Flickr8k's photos of people and dogs in action: other subjects are often described as one of "
        "these. Counts, colours and genders are often wrong. Do not rely on it where a wrong caption does harm.",
    ]
    return "\n\n".join(sections) + "\n"


def _listing(values: Mapping[str, object]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in values.items())
