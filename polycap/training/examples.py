"""Training examples: train photos as token ids, and the references of the rewards."""

from collections.abc import Sequence

from polycap.dataset import Photo, main_origin
from polycap.language import Language
from polycap.text.tokenizer import Tokenizer
from polycap.training.batches import TrainingExample
from polycap.training.inputs import TrainingInputs

__all__ = ["caption_texts", "normalized_captions", "reward_references", "train_examples"]


def reward_references(inputs: TrainingInputs, names: Sequence[str]) -> list[list[str]]:
    """Return the normalised captions that sampled captions are rewarded against, for each photo of `names`.

    They are captions of the preferred origin if a photo has several of these, else all of its captions: a reward by a
    single reference is too noisy.
    """
    train = inputs.photos("train")
    texts = {photo.name: caption_texts(inputs.language, photo) for photo in train}
    preferred = inputs.dataset.with_origin(main_origin(train)).split("train")
    preferred_texts = {photo.name: caption_texts(inputs.language, photo) for photo in preferred}
    texts |= {name: captions for name, captions in preferred_texts.items() if len(captions) > 1}
    return [texts[name] for name in names]


def caption_texts(language: Language, photo: Photo) -> list[str]:
    """Return a photo's captions, normalised, without empty ones."""
    return list(filter(None, normalized_captions(language, photo)))


def train_examples(inputs: TrainingInputs, tokenizer: Tokenizer) -> tuple[list[TrainingExample], list[list[float]]]:
    """Return the train photos with the token ids of their captions; and the weights of the captions.

    Captions without tokens are left out, and photos without captions.
    """
    examples, weights = [], []
    for photo in inputs.photos("train"):
        texts = [inputs.language.normalize(caption.text) for caption in photo.captions]
        encoded = tokenizer.encode_batch(texts)
        captions = [(ids, caption.weight) for ids, caption in zip(encoded, photo.captions, strict=True) if ids]
        if captions:
            examples.append((photo.name, [ids for ids, _ in captions]))
            weights.append([weight for _, weight in captions])
    return examples, weights


def normalized_captions(language: Language, photo: Photo) -> list[str]:
    """Return a photo's captions, normalised."""
    return [language.normalize(caption.text) for caption in photo.captions]
