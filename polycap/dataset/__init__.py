"""Datasets: photos, their captions and their fixed splits, and the readers of the known file formats."""

from polycap.dataset.check import DatasetReport, check_dataset
from polycap.dataset.load import load_dataset
from polycap.dataset.model import HUMAN, SPLITS, Caption, Dataset, Fault, Photo, count_origins, join_origins
from polycap.dataset.readers import read_captions
from polycap.dataset.release import fetch_flickr8k
from polycap.dataset.sources import CaptionSource, chief_origin, language_sources, read_sources, score_against

__all__ = [
    "HUMAN",
    "SPLITS",
    "Caption",
    "CaptionSource",
    "Dataset",
    "DatasetReport",
    "Fault",
    "Photo",
    "check_dataset",
    "chief_origin",
    "count_origins",
    "fetch_flickr8k",
    "join_origins",
    "language_sources",
    "load_dataset",
    "read_captions",
    "read_sources",
    "score_against",
]
