"""Training of a language's tokenizer on the captions of a dataset."""

from polycap.dataset import Dataset
from polycap.language import Language
from polycap.text.tokenizer import Tokenizer

__all__ = ["train_tokenizer"]


def train_tokenizer(language: Language, dataset: Dataset) -> Tokenizer:
    """Train the language's tokenizer on the captions of the train split.

    Raises:
        TokenizerError: there are no captions, or more different characters than the vocabulary size allows.
    """
    texts = [language.normalize(caption.text) for photo in dataset.split("train") for caption in photo.captions]
    return Tokenizer.train(texts, language.tokenizer)
