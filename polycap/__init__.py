"""Photos go in, captions in the reader's own language come out; a language is a folder.

::

    from polycap import Captioner

    captioner = Captioner.load("en")
    captioner.caption(["dog.jpg"])      # ['a brown dog is running through the grass']

The names below are loaded when they are first used: `import polycap` alone loads neither TensorFlow nor SentencePiece.
"""

from importlib import import_module

TYPE_CHECKING = False  # not from `typing`, which `python -m polycap` would look for in the current folder first
if TYPE_CHECKING:  # what a type checker reads; it refuses other names
    from polycap.build import build_language as build_language
    from polycap.captioning import Captioner as Captioner
    from polycap.captioning import caption_photos as caption_photos
    from polycap.dataset import load_dataset as load_dataset
    from polycap.errors import PolycapError as PolycapError
    from polycap.evaluation import evaluate_captioner as evaluate_captioner
    from polycap.exchange import install_pack as install_pack
    from polycap.exchange import uninstall_pack as uninstall_pack
    from polycap.exchange import write_pack_file as write_pack_file
    from polycap.language import Language as Language
    from polycap.registry import available_languages as available_languages
    from polycap.registry import get_language as get_language
    from polycap.training.run import train_decoder as train_decoder

    __version__: str
else:
    _HOMES = {
        "Captioner": "polycap.captioning",
        "Language": "polycap.language",
        "PolycapError": "polycap.errors",
        "available_languages": "polycap.registry",
        "build_language": "polycap.build",
        "caption_photos": "polycap.captioning",
        "evaluate_captioner": "polycap.evaluation",
        "get_language": "polycap.registry",
        "install_pack": "polycap.exchange",
        "load_dataset": "polycap.dataset",
        "train_decoder": "polycap.training.run",
        "uninstall_pack": "polycap.exchange",
        "write_pack_file": "polycap.exchange",
    }
    __all__ = sorted([*_HOMES, "__version__"])

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

    def __dir__():
        return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib import metadata  # takes longer to load than all else here

    try:
        return metadata.version("polycap")
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "0+unknown"
