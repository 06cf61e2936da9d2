"""A language in a list, with what its pack's card says."""

from typing import Any

from polycap.errors import PackError
from polycap.language.registry import LanguageEntry
from polycap.pack.card import read_card

__all__ = ["language_row"]


def language_row(entry: LanguageEntry) -> dict[str, Any]:
    """Return the object that `polycap languages --json` prints: the entry's, with its pack's origins and scores.

    Of an untrained language, and of one whose card can't be read, they are empty.
    """
    row = entry.to_json() | {"origins": [], "scores": []}
    if entry.language and entry.status == "trained":
        try:
            card = read_card(entry.language.pack_folder)
        except PackError:  # `polycap check` tells
            return row
        row |= {"origins": list(card.origins), "scores": card.short_scores}
    return row
