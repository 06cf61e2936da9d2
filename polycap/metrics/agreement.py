"""Human agreement: the scores of people's captions against each other."""

from dataclasses import dataclass
from typing import Any

from polycap.dataset import is_human
from polycap.metrics.measure import compute_metrics

__all__ = ["Agreement", "measure_agreement"]


@dataclass(frozen=True)
class Agreement:
    """Scores of one reference of each photo against the photo's others, and of the captions against the same ones.

    A metric rises with the number of references, so captions and people are comparable only with the same number.

    Attributes:
        photos: number of photos with two references or more.
        references_per_photo: number of references without the one left out; (fewest, most) if photos differ.
        choices: number of rounds, each of which leaves out another reference; scores are means over them.
        people: scores of people's captions, by the keys of `METRICS`.
        captions: scores of the captions, by the keys of `METRICS`.
    """

    photos: int
    references_per_photo: int | tuple[int, int]
    choices: int
    people: dict[str, float]
    captions: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the fields, with scores rounded to 4 decimals."""
        references = self.references_per_photo
        return {
            "photos": self.photos,
            "references_per_photo": references if isinstance(references, int) else list(references),
            "choices": self.choices,
            "people": {key: round(value, 4) for key, value in self.people.items()},
            "captions": {key: round(value, 4) for key, value in self.captions.items()},
        }


def measure_agreement(captions: list[str], references: list[list[str]], tokenizer: str, origin: str) -> Agreement | str:
    """Measure human agreement; return the reason if that is not possible.

    Each reference of a photo is left out once, and again for photos with fewer references than others.

    Args:
        captions: a caption per photo.
        references: references per photo.
        tokenizer: sacreBLEU's name of the tokenizer.
        origin: origin of the references.
    """
    if not is_human(origin):
        return f"the references are not people's, but {origin}"
    pairs = [(text, texts) for text, texts in zip(captions, references, strict=True) if len(texts) > 1]
    if not pairs:
        return "each photo has one reference; two or more are needed"
    machine = [text for text, _ in pairs]
    counts = {len(texts) - 1 for _, texts in pairs}
    choices = max(counts) + 1
    rounds = []
    for choice in range(choices):
        indices = [choice % len(texts) for _, texts in pairs]
        people = [texts[index] for (_, texts), index in zip(pairs, indices, strict=True)]
        others = [texts[:index] + texts[index + 1 :] for (_, texts), index in zip(pairs, indices, strict=True)]
        rounds.append(
            (compute_metrics(people, others, tokenizer).values, compute_metrics(machine, others, tokenizer).values)
        )
    return Agreement(
        photos=len(pairs),
        references_per_photo=counts.pop() if len(counts) == 1 else (min(counts), max(counts)),
        choices=choices,
        people=_means([values for values, _ in rounds]),
        captions=_means([values for _, values in rounds]),
    )


def _means(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: sum(values[key] for values in rounds) / len(rounds) for key in rounds[0]}
