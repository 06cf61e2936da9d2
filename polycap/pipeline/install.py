"""The last step: a run's pack goes to the language's folder."""

import logging
import os
import shutil
from pathlib import Path

from polycap.errors import BuildError, PackError
from polycap.files import atomic_path
from polycap.language import Language
from polycap.pack.card import CARD_JSON, CARD_MD, card_hash, read_card

__all__ = ["copy_pack", "is_installed", "require_writable"]

logger = logging.getLogger(__name__)


def copy_pack(source: Path, language: Language) -> tuple[list[Path], list[Path]]:
    """Copy a pack to the language's folder, its card last: at no time is there a card whose files are others.

    Scores in the card there (of the test split, say) are kept if they are of the same weights and the same captions.

    Returns:
        The files whose bytes are fixed, and those of the card, in which scores may yet be entered.

    Raises:
        BuildError: the folder can't be written.
    """
    from polycap.pack.record import record_scores, write_card

    require_writable(language)
    target = language.own_pack_folder
    card = read_card(source)
    scores = card.scores
    try:
        before = read_card(target)
    except PackError:  # none yet, or a broken one
        before = None
    if before is not None and (before.files, before.data) == (card.files, card.data):
        scores = before.scores
    target.mkdir(exist_ok=True)
    (target / CARD_JSON).unlink(missing_ok=True)
    for name in card.files:
        with atomic_path(target / name) as temporary:
            shutil.copyfile(source / name, temporary)
    write_card(target, card.model_copy(update={"scores": scores}))
    for row in card.scores if scores is not card.scores else ():
        record_scores(target, row)
    if language.installed_pack:
        logger.warning(
            "%s: captions still come from the installed pack in %s; `polycap uninstall %s` makes way for this one",
            *(language.code, language.installed_pack, language.code),
        )
    return [target / name for name in card.files], [target / CARD_JSON, target / CARD_MD]


def require_writable(language: Language) -> None:
    """Check that the language's folder can take a pack: hours of training go before.

    Raises:
        BuildError: it can't.
    """
    pack = language.own_pack_folder
    place = pack if pack.exists() else pack.parent
    fault = "" if place.is_dir() else "is no folder"
    if pack == language.installed_pack:
        fault = "is an installed pack's, which building would mix with another"
    elif not fault and not os.access(place, os.W_OK | os.X_OK):
        fault = "is not writable"
    if fault:
        raise BuildError(
            f"{place}: {fault}, and the pack of {language.code} belongs there; copy {language.folder} to a folder of "
            "your own, name that folder in POLYCAP_LANGUAGES, and build again"
        )


def is_installed(source: Path, language: Language) -> bool:
    """Whether the pack that the language is captioned with is the one in `source`, by their cards' files."""
    try:
        return card_hash(read_card(source)) == card_hash(read_card(language.pack_folder))
    except PackError:
        return False
