"""`CARD.md`: the model card as Markdown."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from polycap.pack.card_failures import failures_text
from polycap.pack.card_scores import markdown_text, scores_text

if TYPE_CHECKING:
    from polycap.pack.card import Card

__all__ = ["card_text"]


def card_text(card: "Card") -> str:
    """Return the card as Markdown."""
    size = sum(entry.size for entry in card.files.values()) / 1e6
    sections = [
        f"# polycap pack: {card.language}",
        f"Image caption decoder for polycap: kind `{card.decoder.kind}`, {size:.1f} MB, trained on {card.created}. "
        "It reads features of polycap's shared encoder. For its use, see polycap's README.",
        "## Scores",
        scores_text(card.scores),
        "## Data and terms",
        _listing(card.data),
        "\n".join(f"- {term}" for term in card.terms),
        "## Identity",
        _listing({"encoder": card.encoder, "tokenizer": card.tokenizer}),
        "## Training",
        _listing(card.training),
        "## Decoder",
        _listing(card.decoder.model_dump()),
        *_search(card),
        "## Versions",
        _listing(card.versions),
        "## Files",
        _listing({name: f"{entry.size:,} bytes, sha256 {entry.sha256}" for name, entry in card.files.items()}),
        "## Known failures",
        failures_text(card.scores),
        f"The decoder was trained on photos of {card.data.get('name', 'one dataset')} only. It describes other "
        "subjects in terms of those photos. Do not use it where a wrong caption does harm.",
    ]
    return "\n\n".join(sections) + "\n"


def _search(card: "Card") -> list[str]:
    """Return the section on the search that the build chose; empty if it chose none."""
    if card.decoding is None:
        return []
    chosen = card.decoding.model_dump(exclude_unset=True)
    return ["## Search", f"Chosen on the dev split; `language.toml` goes before it.\n\n{_listing(chosen)}"]


def _listing(values: Mapping[str, object]) -> str:
    """Return a list of names and values."""
    return "\n".join(f"- {name}: {_value_line(value)}" for name, value in values.items())


def _value_line(value: object) -> str:
    """Return a value on one line, a table with its names."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_value_line(part)}" for name, part in value.items())
    return markdown_text(value)
