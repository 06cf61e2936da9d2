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
    from polycap.dataset import (
        CaptionSource,
        Dataset,
        DatasetFault,
        Photo,
        ReferenceCaption,
        load_dataset,
        load_with_captions,
    )
    from polycap.encoder.artefact import EncoderArtefact, open_encoder
    from polycap.encoder.pca import FeaturePCA
    from polycap.encoder.protocol import PhotoEncoder
    from polycap.errors import PhotoError, PolycapError
    from polycap.evaluation.evaluate import Evaluation, evaluate_captioner
    from polycap.features.prepare import Features
    from polycap.features.store import FeatureStore
    from polycap.language import Language, LanguageFault, available_languages, get_language
    from polycap.language.registry import LanguageEntry
    from polycap.language.settings import DecodingSettings
    from polycap.metrics import Scores
    from polycap.pack.index import PackIndex, read_pack_index, write_pack_index
    from polycap.pack.install import InstalledPack, install_pack, uninstall_pack
    from polycap.pack.pack_file import PackFile, write_pack_file
    from polycap.photos.name import PhotoBytes
    from polycap.pipeline.arguments import BuildOptions
    from polycap.pipeline.build import Build, build_language
    from polycap.pipeline.plan import PlannedStage
    from polycap.pipeline.several import build_languages
    from polycap.pipeline.status import LanguageStatus, language_status
    from polycap.pipeline.steps import (
        EngineOptions,
        FeatureOptions,
        TranslatedCaptions,
        make_features,
        train_language,
        translate_language,
    )
    from polycap.pipeline.tune import TunedEncoder, TuningOptions, tune_encoder
    from polycap.runtime.protocol import Runtime
    from polycap.training.encoder_settings import EncoderSettings
    from polycap.training.settings import TrainingSettings
    from polycap.translation.engine import Translation, Translator
    from polycap.translation.sample import TranslatedPair
    from polycap.translation.translate import TranslationReport

    __version__: str

__all__ = [
    "AttentionMap",
    "Build",
    "BuildOptions",
    "Candidate",
    "Caption",
    "CaptionSource",
    "Captioner",
    "CaptionerGroup",
    "Dataset",
    "DatasetFault",
    "DecodingSettings",
    "EncoderArtefact",
    "EncoderSettings",
    "EngineOptions",
    "Evaluation",
    "FeatureOptions",
    "FeaturePCA",
    "FeatureStore",
    "Features",
    "InstalledPack",
    "Language",
    "LanguageEntry",
    "LanguageFault",
    "LanguageStatus",
    "PackFile",
    "PackIndex",
    "Photo",
    "PhotoBytes",
    "PhotoEncoder",
    "PhotoError",
    "PlannedStage",
    "PolycapError",
    "ReferenceCaption",
    "Runtime",
    "Scores",
    "TrainingSettings",
    "TranslatedCaptions",
    "TranslatedPair",
    "Translation",
    "TranslationReport",
    "Translator",
    "TunedEncoder",
    "TuningOptions",
    "__version__",
    "available_languages",
    "build_language",
    "build_languages",
    "evaluate_captioner",
    "get_language",
    "install_pack",
    "language_status",
    "load",
    "load_dataset",
    "load_with_captions",
    "make_features",
    "open_encoder",
    "read_pack_index",
    "train_language",
    "translate_language",
    "tune_encoder",
    "uninstall_pack",
    "write_pack_file",
    "write_pack_index",
]

_HOMES = {
    "AttentionMap": "polycap.captioning.attention",
    "Build": "polycap.pipeline.build",
    "BuildOptions": "polycap.pipeline.arguments",
    "Candidate": "polycap.captioning.caption",
    "Caption": "polycap.captioning.caption",
    "CaptionSource": "polycap.dataset",
    "Captioner": "polycap.captioning.captioner",
    "CaptionerGroup": "polycap.captioning.group",
    "Dataset": "polycap.dataset",
    "DatasetFault": "polycap.dataset",
    "DecodingSettings": "polycap.language.settings",
    "EncoderArtefact": "polycap.encoder.artefact",
    "EncoderSettings": "polycap.training.encoder_settings",
    "EngineOptions": "polycap.pipeline.steps",
    "Evaluation": "polycap.evaluation.evaluate",
    "FeatureOptions": "polycap.pipeline.steps",
    "FeaturePCA": "polycap.encoder.pca",
    "FeatureStore": "polycap.features.store",
    "Features": "polycap.features.prepare",
    "InstalledPack": "polycap.pack.install",
    "Language": "polycap.language",
    "LanguageEntry": "polycap.language.registry",
    "LanguageFault": "polycap.language",
    "LanguageStatus": "polycap.pipeline.status",
    "PackFile": "polycap.pack.pack_file",
    "PackIndex": "polycap.pack.index",
    "Photo": "polycap.dataset",
    "PhotoBytes": "polycap.photos.name",
    "PhotoEncoder": "polycap.encoder.protocol",
    "PhotoError": "polycap.errors",
    "PlannedStage": "polycap.pipeline.plan",
    "PolycapError": "polycap.errors",
    "ReferenceCaption": "polycap.dataset",
    "Runtime": "polycap.runtime.protocol",
    "Scores": "polycap.metrics",
    "TrainingSettings": "polycap.training.settings",
    "TranslatedCaptions": "polycap.pipeline.steps",
    "TranslatedPair": "polycap.translation.sample",
    "Translation": "polycap.translation.engine",
    "TranslationReport": "polycap.translation.translate",
    "Translator": "polycap.translation.engine",
    "TunedEncoder": "polycap.pipeline.tune",
    "TuningOptions": "polycap.pipeline.tune",
    "available_languages": "polycap.language",
    "build_language": "polycap.pipeline.build",
    "build_languages": "polycap.pipeline.several",
    "evaluate_captioner": "polycap.evaluation.evaluate",
    "get_language": "polycap.language",
    "install_pack": "polycap.pack.install",
    "language_status": "polycap.pipeline.status",
    "load": "polycap.captioning.load",
    "load_dataset": "polycap.dataset",
    "load_with_captions": "polycap.dataset",
    "make_features": "polycap.pipeline.steps",
    "open_encoder": "polycap.encoder.artefact",
    "read_pack_index": "polycap.pack.index",
    "train_language": "polycap.pipeline.steps",
    "translate_language": "polycap.pipeline.steps",
    "tune_encoder": "polycap.pipeline.tune",
    "uninstall_pack": "polycap.pack.install",
    "write_pack_file": "polycap.pack.pack_file",
    "write_pack_index": "polycap.pack.index",
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
