"""Train photos as token ids, and the references of rewards."""

from collections.abc import Sequence

from polycap.dataset import Photo, main_origin
from polycap.language import Language
from polycap.text.tokenizer import Tokenizer
from polycap.training.batches import TrainingExample
from polycap.training.inputs import TrainingInputs

__all__ = ["caption_texts", "normalized_captions", "reward_references", "train_examples"]


def reward_references(inputs: TrainingInputs, names: Sequence[str]) -> list[list[str]]:
    """The captions of train photos that drawn ones are rewarded by: people's own where a photo has several.

    Against a single one, chance decides.
    """
    train = inputs.photos("train")
    texts = {photo.name: caption_texts(inputs.language, photo) for photo in train}
    chief = inputs.dataset.with_origin(main_origin(train)).split("train")
    peoples = {photo.name: caption_texts(inputs.language, photo) for photo in chief}
    texts |= {name: captions for name, captions in peoples.items() if len(captions) > 1}
    return [texts[name] for name in names]


def caption_texts(language: Language, photo: Photo) -> list[str]:
    """A photo's captions, normalised, without those of which nothing is left."""
    return list(filter(None, normalized_captions(language, photo)))


def train_examples(inputs: TrainingInputs, tokenizer: Tokenizer) -> tuple[list[TrainingExample], list[list[float]]]:
    """Train photos with their captions' token ids, and the captions' weights; captions without a token are left out."""
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
    return [language.normalize(caption.text) for caption in photo.captions]
