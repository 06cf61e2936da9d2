"""A language's tokenizer, trained on a dataset's captions."""

from polycap.dataset import Dataset
from polycap.language import Language
from polycap.text.tokenizer import Tokenizer

__all__ = ["train_tokenizer"]


def train_tokenizer(language: Language, dataset: Dataset) -> Tokenizer:
    """The language's tokenizer, trained on its train split's captions.

    Raises:
        TokenizerError: there are none, or more different characters than the vocabulary has room for.
    """
    texts = [language.normalize(caption.text) for photo in dataset.split("train") for caption in photo.captions]
    return Tokenizer.train(texts, language.tokenizer)
