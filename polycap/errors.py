"""Exceptions of polycap.

::

    PolycapError                 base class: catch this
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
    ├── TranslationError         an engine that is not installed or fails, or captions that can't be translated
    ├── EvaluationError          references and captions that can't be scored
    └── BuildError               a language whose build lacks something

A message says what is wrong, where, what was received, what is allowed, and the fix. It names an argument in
backquotes, such as `n_best`. The command line puts its option there, `--n-best`, prints the message on one line and
exits with 1. It never shows a traceback for a user's mistake.
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
    "json_line",
    "one_line",
    "reason_of",
]

# Controls of terminals, line ends, and marks that show text in another order than it has.
_UNSAFE = (*range(32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = {number: repr(chr(number))[1:-1] for number in _UNSAFE}
_JSON_CONTROLS = {number: f"\\u{number:04x}" for number in _UNSAFE if number >= 127}


class PolycapError(Exception):
    """Base class of polycap's errors."""


class DatasetError(PolycapError):
    """A caption file, split file or photo folder can't be used."""


class PhotoError(PolycapError):
    """One photo can't be read. The rest of a batch is not affected.

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
    """A runtime is not installed, or can't run."""


class PackError(PolycapError):
    """A trained pack is broken, truncated, or of another encoder."""


class TrainingError(PolycapError):
    """A training run can't be started or resumed."""


class TranslationError(PolycapError):
    """A translation engine is not installed, or it failed."""


class EvaluationError(PolycapError):
    """References and captions can't be scored against each other."""


class BuildError(PolycapError):
    """A language can't be built: an input is missing, or its folder can't be written."""


def one_line(text: object) -> str:
    """Escape control characters in `text`: a file's name may contain line ends or escape sequences of terminals."""
    return str(text).translate(_CONTROLS)


def json_line(text: str) -> str:
    """Escape the control characters that `json.dumps` leaves in a JSON text; its value stays the same."""
    return text.translate(_JSON_CONTROLS)


def reason_of(error: BaseException, *, named: bool = False) -> str:
    """Return an error's message on one line, for a message of polycap's: another library's may have several.

    Args:
        error: whichever.
        named: put the type's name before the message; it stands alone where there is no message.
    """
    text, name = " ".join(str(error).split()), type(error).__name__
    return f"{name}: {text}" if named and text else text or name
