"""Datasets: photos, their captions and their fixed splits, and the readers of the known file formats."""

from polycap.dataset.check import DatasetReport, check_dataset
from polycap.dataset.load import load_dataset
from polycap.dataset.model import SPLITS, Caption, Dataset, Fault, Photo
from polycap.dataset.readers import read_captions
from polycap.dataset.release import fetch_flickr8k

__all__ = [
    "SPLITS",
    "Caption",
    "Dataset",
    "DatasetReport",
    "Fault",
    "Photo",
    "check_dataset",
    "fetch_flickr8k",
    "load_dataset",
    "read_captions",
]
