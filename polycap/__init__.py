"""Photos go in, captions in the reader's own language come out; a language is a folder.

::

    import polycap

    captioner = polycap.load("en")
    captioner("dog.jpg").text           # 'a brown dog is running through the grass'

The names below are loaded when they are first used: `import polycap` alone loads neither TensorFlow nor SentencePiece.
"""

from importlib import import_module

TYPE_CHECKING = False  # not from `typing`, which `python -m polycap` would look for in the current folder first
if TYPE_CHECKING:
    from polycap.captioning.attention import AttentionMap
    from polycap.captioning.caption import Candidate, Caption
    from polycap.captioning.captioner import Captioner
    from polycap.captioning.group import CaptionerGroup
    from polycap.captioning.load import load
    from polycap.dataset import CaptionSource, Dataset, Photo, ReferenceCaption, load_dataset
    from polycap.errors import PhotoError, PolycapError
    from polycap.evaluation.evaluate import evaluate_captioner
    from polycap.features.prepare import Features, open_features, prepare_features
    from polycap.language import Language, available_languages, get_language
    from polycap.language.settings import DecodingSettings
    from polycap.metrics import Scores
    from polycap.pack.install import InstalledPack, install_pack, uninstall_pack
    from polycap.pack.pack_file import PackFile, write_pack_file
    from polycap.photos.load import PhotoBytes
    from polycap.pipeline import Build, LanguageStatus, build_language, language_status
    from polycap.pipeline.tune import tune_encoder
    from polycap.runtime.choose import open_runtime
    from polycap.training.encoder import TunedEncoder
    from polycap.training.encoder_settings import EncoderSettings
    from polycap.training.inputs import TrainingInputs
    from polycap.training.run import train_decoder
    from polycap.training.settings import TrainingSettings
    from polycap.translation.choose import choose_engine
    from polycap.translation.translate import TranslationReport, translate_captions

    __version__: str

__all__ = [
    "AttentionMap",
    "Build",
    "Candidate",
    "Caption",
    "CaptionSource",
    "Captioner",
    "CaptionerGroup",
    "Dataset",
    "DecodingSettings",
    "EncoderSettings",
    "Features",
    "InstalledPack",
    "Language",
    "LanguageStatus",
    "PackFile",
    "Photo",
    "PhotoBytes",
    "PhotoError",
    "PolycapError",
    "ReferenceCaption",
    "Scores",
    "TrainingInputs",
    "TrainingSettings",
    "TranslationReport",
    "TunedEncoder",
    "__version__",
    "available_languages",
    "build_language",
    "choose_engine",
    "evaluate_captioner",
    "get_language",
    "install_pack",
    "language_status",
    "load",
    "load_dataset",
    "open_features",
    "open_runtime",
    "prepare_features",
    "train_decoder",
    "translate_captions",
    "tune_encoder",
    "uninstall_pack",
    "write_pack_file",
]

_HOMES = {
    "AttentionMap": "polycap.captioning.attention",
    "Build": "polycap.pipeline",
    "Candidate": "polycap.captioning.caption",
    "Caption": "polycap.captioning.caption",
    "CaptionSource": "polycap.dataset",
    "Captioner": "polycap.captioning.captioner",
    "CaptionerGroup": "polycap.captioning.group",
    "Dataset": "polycap.dataset",
    "DecodingSettings": "polycap.language.settings",
    "EncoderSettings": "polycap.training.encoder_settings",
    "Features": "polycap.features.prepare",
    "InstalledPack": "polycap.pack.install",
    "Language": "polycap.language",
    "LanguageStatus": "polycap.pipeline",
    "PackFile": "polycap.pack.pack_file",
    "Photo": "polycap.dataset",
    "PhotoBytes": "polycap.photos.load",
    "PhotoError": "polycap.errors",
    "PolycapError": "polycap.errors",
    "ReferenceCaption": "polycap.dataset",
    "Scores": "polycap.metrics",
    "TrainingInputs": "polycap.training.inputs",
    "TrainingSettings": "polycap.training.settings",
    "TranslationReport": "polycap.translation.translate",
    "TunedEncoder": "polycap.training.encoder",
    "available_languages": "polycap.language",
    "build_language": "polycap.pipeline",
    "choose_engine": "polycap.translation.choose",
    "evaluate_captioner": "polycap.evaluation.evaluate",
    "get_language": "polycap.language",
    "install_pack": "polycap.pack.install",
    "language_status": "polycap.pipeline",
    "load": "polycap.captioning.load",
    "load_dataset": "polycap.dataset",
    "open_features": "polycap.features.prepare",
    "open_runtime": "polycap.runtime.choose",
    "prepare_features": "polycap.features.prepare",
    "train_decoder": "polycap.training.run",
    "translate_captions": "polycap.translation.translate",
    "tune_encoder": "polycap.pipeline.tune",
    "uninstall_pack": "polycap.pack.install",
    "write_pack_file": "polycap.pack.pack_file",
}


if not TYPE_CHECKING:  # a type checker reads the imports above, and refuses other names

    def __getattr__(name):
        """Load a public name from its module, and keep it."""
        if name == "__version__":
            value = _version()
        elif name in _HOMES:
            value = getattr(import_module(_HOMES[name]), name)
        else:
            raise AttributeError(f"module 'polycap' has no attribute {name!r}; it has {', '.join(__all__)}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib import metadata  # takes longer to load than all else here

    try:
        return metadata.version("polycap")
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "0+unknown"
