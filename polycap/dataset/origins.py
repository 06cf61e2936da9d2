"""Origins of captions: `human`, `human-revised`, `mt:ENGINE`, and `<` for "translated from".

`mt:apertium/cat-ita@0.2.2-1<mt:apertium/spa-cat@2.2.0-3<mt:nllb` is read from the right: an engine's captions,
translated by Apertium from Spanish into Catalan, and from Catalan into Italian.
"""

__all__ = ["HUMAN", "is_human", "translated_origin"]

HUMAN = "human"
"""Origin of captions that people wrote, and of captions whose file names no origin."""


def is_human(origin: str) -> bool:
    """Return whether people wrote, translated or revised all captions of an origin, or of several joined by `+`.

    Each step of a translation counts: what is translated by an engine, or from an engine's output, is a machine's.
    """
    return all(step.startswith(HUMAN) for part in origin.split("+") for step in part.split("<"))


def translated_origin(identity: str, source: str, *, of_dataset: bool) -> str:
    """Return the origin of an engine's translations.

    Args:
        identity: identity of the engine, such as `apertium/spa-cat@2.2.0-3`.
        source: origin of the captions that are translated.
        of_dataset: whether they are in the dataset's own language; then "human" goes without saying.
    """
    return f"mt:{identity}" if of_dataset and source == HUMAN else f"mt:{identity}<{source}"
