"""Several translations in a row, such as Spanish → Catalan → Italian."""

from collections.abc import Sequence

from polycap.translation.engine import Translation, Translator

__all__ = ["ChainTranslator"]


class ChainTranslator:
    """Translator that hands the translations of each step to the next.

    Attributes:
        identity: identities of the steps, the last one first, `<` read as "translated from":
            `apertium/cat-ita@0.2.2-1<mt:apertium/spa-cat@2.2.0-3`.
    """

    def __init__(self, steps: Sequence[Translator]) -> None:
        """Keep the steps, in the order of the translation; at least one."""
        self._steps = list(steps)
        self.identity = "<mt:".join(step.identity for step in reversed(self._steps))

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate sentences by all steps. Scores are summed; words that are unknown to any step are unknown.

        Raises:
            TranslationError: a step failed.
        """
        translations = [Translation(text, 0.0) for text in texts]
        for step in self._steps:
            results = step.translate([translation.text for translation in translations])
            if len(results) != len(texts):
                return results  # the caller reports the wrong number
            translations = list(map(_join, translations, results))
        return translations


def _join(earlier: Translation, later: Translation) -> Translation:
    """Return the later translation, with score and unknown words of both."""
    score = None if earlier.score is None or later.score is None else earlier.score + later.score
    words = tuple(dict.fromkeys((*earlier.unknown_words, *later.unknown_words)))
    repeated = len(earlier.unknown_words) + len(later.unknown_words) - len(words)
    return Translation(later.text, score, earlier.unknown + later.unknown - repeated, words)
