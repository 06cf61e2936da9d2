"""Datasets: photos, captions and fixed splits, in every known file format.

`polycap.dataset.check` and `polycap.dataset.flickr8k` are not imported here: they need Pillow and HTTPX.
"""

from polycap.dataset.dataset import (
    SPLITS,
    Dataset,
    DatasetFault,
    Photo,
    ReferenceCaption,
    count_origins,
    join_origins,
)
from polycap.dataset.load import load_dataset
from polycap.dataset.origins import HUMAN, is_human, translated_origin
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
    "Photo",
    "ReferenceCaption",
    "count_origins",
    "is_human",
    "join_origins",
    "load_dataset",
    "load_with_captions",
    "main_origin",
    "read_captions",
    "read_sources",
    "sources_of",
    "translated_origin",
    "with_sources",
]
