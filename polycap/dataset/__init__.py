"""Datasets: photos, their captions and their fixed splits, and the readers of the known file formats."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polycap.dataset.check import DatasetReport, check_dataset
    from polycap.dataset.dataset import (
        HUMAN,
        SPLITS,
        Dataset,
        DatasetFault,
        Photo,
        ReferenceCaption,
        count_origins,
        join_origins,
    )
    from polycap.dataset.load import load_dataset
    from polycap.dataset.readers import read_captions
    from polycap.dataset.sources import (
        CaptionSource,
        load_with_captions,
        main_origin,
        read_sources,
        sources_of,
        with_sources,
    )

__all__ = [
    "HUMAN",
    "SPLITS",
    "CaptionSource",
    "Dataset",
    "DatasetFault",
    "DatasetReport",
    "Photo",
    "ReferenceCaption",
    "check_dataset",
    "count_origins",
    "join_origins",
    "load_dataset",
    "load_with_captions",
    "main_origin",
    "read_captions",
    "read_sources",
    "sources_of",
    "with_sources",
]

_HOMES = {
    "CaptionSource": "polycap.dataset.sources",
    "Dataset": "polycap.dataset.dataset",
    "DatasetFault": "polycap.dataset.dataset",
    "DatasetReport": "polycap.dataset.check",
    "HUMAN": "polycap.dataset.dataset",
    "Photo": "polycap.dataset.dataset",
    "ReferenceCaption": "polycap.dataset.dataset",
    "SPLITS": "polycap.dataset.dataset",
    "check_dataset": "polycap.dataset.check",
    "count_origins": "polycap.dataset.dataset",
    "join_origins": "polycap.dataset.dataset",
    "load_dataset": "polycap.dataset.load",
    "load_with_captions": "polycap.dataset.sources",
    "main_origin": "polycap.dataset.sources",
    "read_captions": "polycap.dataset.readers",
    "read_sources": "polycap.dataset.sources",
    "sources_of": "polycap.dataset.sources",
    "with_sources": "polycap.dataset.sources",
}


if not TYPE_CHECKING:  # a type checker reads the imports above, and refuses other names

    def __getattr__(name):
        """Load a public name from its module, and keep it."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
        globals()[name] = value = getattr(import_module(_HOMES[name]), name)
        return value
