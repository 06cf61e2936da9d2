"""Photos go in, captions in the reader's own language come out; a language is a folder.

::

    from polycap import Captioner

    captioner = Captioner.load("en")
    captioner.caption(["dog.jpg"])      # ['a brown dog is running through the grass']

The names below are loaded when they are first used: `import polycap` alone loads neither TensorFlow nor SentencePiece.
"""

from importlib import import_module

TYPE_CHECKING = False  # not from `typing`, which `python -m polycap` would look for in the current folder first
if TYPE_CHECKING:
    from polycap.captioning.captioner import Captioner, caption_photos
    from polycap.dataset import load_dataset
    from polycap.errors import PolycapError
    from polycap.evaluation.evaluate import evaluate_captioner
    from polycap.language import Language, available_languages, get_language
    from polycap.pack.install import install_pack, uninstall_pack
    from polycap.pack.pack_file import write_pack_file
    from polycap.pipeline import build_language
    from polycap.training.run import train_decoder

    __version__: str

__all__ = [
    "Captioner",
    "Language",
    "PolycapError",
    "__version__",
    "available_languages",
    "build_language",
    "caption_photos",
    "evaluate_captioner",
    "get_language",
    "install_pack",
    "load_dataset",
    "train_decoder",
    "uninstall_pack",
    "write_pack_file",
]

_HOMES = {
    "Captioner": "polycap.captioning.captioner",
    "Language": "polycap.language",
    "PolycapError": "polycap.errors",
    "available_languages": "polycap.language",
    "build_language": "polycap.pipeline",
    "caption_photos": "polycap.captioning.captioner",
    "evaluate_captioner": "polycap.evaluation.evaluate",
    "get_language": "polycap.language",
    "install_pack": "polycap.pack.install",
    "load_dataset": "polycap.dataset",
    "train_decoder": "polycap.training.run",
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
