"""Captioners by language code, loaded on first use, for a server."""

import logging
from collections.abc import Sequence

from polycap.captioning.captioner import Captioner
from polycap.captioning.load import load_captioner
from polycap.captioning.rows import AnswerRow
from polycap.errors import PolycapError
from polycap.language import get_language
from polycap.pack.pack import load_pack
from polycap.runtime.protocol import Runtime

__all__ = ["Captioners", "usable_codes"]

logger = logging.getLogger(__name__)


def usable_codes(rows: Sequence[AnswerRow], other: Captioner) -> list[str]:
    """The trained languages whose packs fit: one that does not must not fail the requests that name no language."""
    codes = []
    for code in (row["code"] for row in rows if row["status"] == "trained"):
        try:
            load_pack(get_language(code).pack_folder).require_encoder(other.encoder.identity)
        except PolycapError as error:
            logger.warning("%s: left out: %s", code, error)
        else:
            codes.append(code)
    return codes


class Captioners:
    """Captioners by language code, which share an encoder; others are loaded when they are first asked for."""

    def __init__(self, loaded: Sequence[Captioner], runtime: Runtime, beam: int | None = None) -> None:
        self._loaded = {captioner.language.code: captioner for captioner in loaded}
        self._encoder, self._runtime, self._beam = loaded[0].encoder, runtime, beam

    @property
    def size(self) -> int:
        """Side of the encoder's photos, pixels."""
        return self._encoder.size

    def get(self, code: str) -> Captioner:
        """The captioner of a language.

        Raises:
            PolycapError: it can't be loaded.
        """
        if code not in self._loaded:
            logger.info("%s: loading", code)
            self._loaded[code] = load_captioner(get_language(code), self._encoder, self._runtime, beam=self._beam)
        return self._loaded[code]
