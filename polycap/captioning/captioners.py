"""Captioners by language code, loaded on first use, for the server."""

import logging
from collections.abc import Sequence
from functools import cached_property

from polycap.captioning.captioner import Captioner
from polycap.captioning.load import check_left_out, load_captioners, open_captioners
from polycap.captioning.options import CaptionerOptions
from polycap.captioning.rows import AnswerRow
from polycap.encoder.protocol import PhotoEncoder
from polycap.errors import PolycapError
from polycap.language import Language, Registry
from polycap.pack.card import read_card
from polycap.pack.listed import language_row

__all__ = ["Captioners"]

logger = logging.getLogger(__name__)


class Captioners:
    """Captioners by language code, with one encoder.

    Attributes:
        rows: all languages, as `polycap languages --json` prints them.
        named: codes of `languages`; empty if it names none.
        fallback: code of the first default language.

    Args:
        languages: codes separated by commas, or "all", to load now. (default: the registry's default languages)
        options: options of the captioners.

    Raises:
        PolycapError: no captioner can be loaded.
    """

    def __init__(self, languages: str | None, options: CaptionerOptions) -> None:
        registry = Registry.discover()
        captioners, left_out = load_captioners(languages, options, registry)
        check_left_out(languages, left_out)
        self._options, self._first = options, captioners[0]
        self._loaded = {captioner.language.code: captioner for captioner in captioners}
        self._languages = {language.code: language for language in registry.languages}
        self.rows: Sequence[AnswerRow] = [language_row(entry) for entry in registry.entries]
        self.named = tuple(self._loaded) if languages else ()
        self.fallback = self._first.language.code

    @property
    def encoder(self) -> PhotoEncoder:
        """Encoder of all captioners."""
        return self._first.encoder

    @property
    def runtime(self) -> str:
        """Name of the runtime."""
        return self._first.runtime.name

    def get(self, code: str) -> Captioner:
        """Return the captioner of a language; load it on first use.

        Raises:
            PolycapError: it can't be loaded.
        """
        if code not in self._loaded:
            logger.info("%s: loading", code)
            language = (self._languages[code], None)
            [captioner], _ = open_captioners(
                [language], self._options, encoder=self.encoder, runtime=self._first.runtime
            )
            self._loaded[code] = captioner
        return self._loaded[code]

    @cached_property
    def usable(self) -> tuple[str, ...]:
        """Codes of the trained languages with a pack for the encoder."""
        trained = (language for language in self._languages.values() if language.status == "trained")
        return tuple(language.code for language in trained if self._is_usable(language))

    def _is_usable(self, language: Language) -> bool:
        try:
            read_card(language.pack_folder).require_encoder(self._first.pack.encoder, language.pack_folder)
        except PolycapError as error:
            level = logging.DEBUG if self.named else logging.WARNING  # who names languages asked for no others
            logger.log(level, "%s: left out: %s", language.code, error)
            return False
        return True
