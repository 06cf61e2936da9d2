"""Installation of a run's pack in the language's folder."""

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
    """Copy a pack to the language's folder, the card last, so that a card never stands beside files of another pack.

    Scores in the card of the previous pack are kept if its weights, captions and search are the same.

    Returns:
        The files that must not change, and those of the card, in which scores are entered later.

    Raises:
        BuildError: the folder is not writable.
    """
    from polycap.pack.record import record_scores, write_card

    require_writable(language)
    target = language.own_pack_folder
    card = read_card(source)
    scores = card.scores
    try:
        before = read_card(target)
    except PackError:  # no pack, or a broken one
        before = None
    if before and (before.files, before.data, before.decoding) == (card.files, card.data, card.decoding):
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
            "%s: the installed pack in %s is still used instead of this one; remove it with `polycap uninstall %s`",
            *(language.code, language.installed_pack, language.code),
        )
    return [target / name for name in card.files], [target / CARD_JSON, target / CARD_MD]


def require_writable(language: Language) -> None:
    """Check that a pack can be written to the language's folder, before hours of training.

    Raises:
        BuildError: the folder is not writable, or belongs to an installed pack.
    """
    pack = language.own_pack_folder
    place = pack if pack.exists() else pack.parent
    fault = "" if place.is_dir() else "is no folder"
    if pack == language.installed_pack:
        fault = "is the folder of an installed pack, which a build must not change"
    elif not fault and not os.access(place, os.W_OK | os.X_OK):
        fault = "is not writable"
    if fault:
        raise BuildError(
            f"{place}: {fault}, and the pack of {language.code} belongs there; copy {language.folder} to a folder of "
            "your own, name that folder in POLYCAP_LANGUAGES, and build again"
        )


def is_installed(source: Path, language: Language) -> bool:
    """Return whether the language's pack is the one in `source`, by the files in their cards."""
    try:
        return card_hash(read_card(source)) == card_hash(read_card(language.pack_folder))
    except PackError:
        return False
