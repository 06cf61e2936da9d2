"""Training a decoder on the features of photos and their captions."""

from polycap.training.run import TrainingInputs, train_decoder
from polycap.training.settings import TrainingSettings

__all__ = ["TrainingInputs", "TrainingSettings", "train_decoder"]
