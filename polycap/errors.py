"""Every error that polycap raises on purpose.

::

    PolycapError                 the root: catch this
    ├── DatasetError             a caption file, split file or photo folder that can't be used
    ├── PhotoError               one photo that can't be read
    ├── DownloadError            a download that failed, or whose bytes are not the expected ones
    ├── LanguageError            an unknown language, or a broken language folder
    ├── TokenizerError           a tokenizer that can't be trained or loaded
    ├── EncoderError             encoder weights that are missing or are not Xception's
    ├── FeatureStoreError        a feature store that is broken, incomplete or of another encoder
    ├── CaptionRuntimeError      a runtime that is not installed, or that can't run
    ├── PackError                a trained pack that is broken, truncated or of another encoder
    ├── TrainingError            a run that can't be started or resumed
    ├── TranslationError         an engine that is not there or fails, or captions that can't be translated
    ├── EvaluationError          references and captions that can't be scored
    └── BuildError               a language whose build lacks something

A message says what is wrong, where, what was received, what is allowed, and the fix. The command line prints
it on one line and exits with 1; it never shows a traceback for a user's mistake.
"""

__all__ = [
    "BuildError",
    "CaptionRuntimeError",
    "DatasetError",
    "DownloadError",
    "EncoderError",
    "EvaluationError",
    "FeatureStoreError",
    "LanguageError",
    "PackError",
    "PhotoError",
    "PolycapError",
    "TokenizerError",
    "TrainingError",
    "TranslationError",
    "one_line",
]

_CONTROLS = {number: repr(chr(number))[1:-1] for number in (*range(32), *range(127, 160))}


class PolycapError(Exception):
    """The root of polycap's own errors."""


class DatasetError(PolycapError):
    """A caption file, split file or photo folder can't be used."""


class PhotoError(PolycapError):
    """One photo can't be read. The rest of a batch goes on.

    Attributes:
        photo: the photo, as it was given, where its caption was asked for; else None.
    """

    photo: object = None


class DownloadError(PolycapError):
    """A download failed, or its bytes are not the expected ones."""


class LanguageError(PolycapError):
    """A language is unknown, or its folder is broken."""


class TokenizerError(PolycapError):
    """A tokenizer can't be trained or loaded."""


class EncoderError(PolycapError):
    """Encoder weights are missing, unreadable, or not Xception's."""


class FeatureStoreError(PolycapError):
    """A feature store is broken, incomplete, or of another encoder."""


class CaptionRuntimeError(PolycapError):
    """What should compute captions is not installed, or can't run."""


class PackError(PolycapError):
    """A trained pack is broken, truncated, or of another encoder."""


class TrainingError(PolycapError):
    """A training run can't be started or resumed."""


class TranslationError(PolycapError):
    """A translation engine is not there, or it failed."""


class EvaluationError(PolycapError):
    """References and captions can't be scored against each other."""


class BuildError(PolycapError):
    """A language can't be built: something is not given, or its folder can't take the pack."""


def one_line(text: object) -> str:
    """`text` with control characters spelled out: a file's name may hold a line's end, or speak to the terminal."""
    return str(text).translate(_CONTROLS)
