"""Writing of a pack's card, and recording of scores in it."""

from pathlib import Path
from typing import Any

from polycap.files import write_json, write_text
from polycap.language.settings import DecodingSettings
from polycap.pack.card import CARD_JSON, CARD_MD, Card, read_card
from polycap.pack.card_text import card_text

__all__ = ["record_scores", "record_search", "write_card"]


def write_card(folder: Path, card: Card) -> None:
    """Write `CARD.md` and `card.json`."""
    write_text(folder / CARD_MD, card_text(card))
    left_out = {name for name in ("decoding", "calibration") if getattr(card, name) is None}
    write_json(folder / CARD_JSON, card.model_dump(mode="json", by_alias=True, exclude=left_out))


def record_scores(folder: Path, scores: dict[str, Any]) -> None:
    """Record scores in a pack's card, replacing those of the same split, origin of references and normalisation.

    The histogram `lengths` and `reasons` are left out: they are for reports.
    """
    card = read_card(folder)
    scores = {name: value for name, value in scores.items() if name not in ("lengths", "reasons")}

    def subject(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["split"], row["references_origin"], row["signature"].rsplit("text:", 1)[-1]

    others = [row for row in card.scores if subject(row) != subject(scores)]
    write_card(folder, card.model_copy(update={"scores": [*others, scores]}))


def record_search(folder: Path, decoding: DecodingSettings | None) -> None:
    """Record the settings of the search that were chosen for a pack in its card; None for none."""
    write_card(folder, read_card(folder).model_copy(update={"decoding": decoding}))
