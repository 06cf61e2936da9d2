"""How well people agree with one another: what a caption as good as a person's would score."""

from dataclasses import dataclass
from typing import Any

from polycap.metrics.measure import compute_metrics, is_human

__all__ = ["Agreement", "measure_agreement"]


@dataclass(frozen=True)
class Agreement:
    """One reference of each photo scored against the photo's others, and the captions against the same ones.

    A metric rises with the number of references, so captions stand beside people only when they are scored against
    as few.

    Attributes:
        photos: those with two references or more.
        references_per_photo: how many are left when one is taken out; (fewest, most) where photos differ.
        choices: how often another reference was taken out; the figures are means over these.
        people: what people's captions score, by the keys of `METRICS`.
        captions: what the captions score.
    """

    photos: int
    references_per_photo: int | tuple[int, int]
    choices: int
    people: dict[str, float]
    captions: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Figures rounded to 4 decimals."""
        left = self.references_per_photo
        return {
            "photos": self.photos,
            "references_per_photo": left if isinstance(left, int) else list(left),
            "choices": self.choices,
            "people": {key: round(value, 4) for key, value in self.people.items()},
            "captions": {key: round(value, 4) for key, value in self.captions.items()},
        }


def measure_agreement(captions: list[str], references: list[list[str]], tokenizer: str, origin: str) -> Agreement | str:
    """The agreement; or, in words, why there is none.

    Each of a photo's references is taken out once; where photos have fewer than others, theirs come round again.
    """
    if not is_human(origin):
        return f"the references are not people's, but {origin}"
    chosen = [(text, texts) for text, texts in zip(captions, references, strict=True) if len(texts) > 1]
    if not chosen:
        return "each photo has one reference; two or more are needed"
    kept = [text for text, _ in chosen]
    counts = {len(texts) - 1 for _, texts in chosen}
    choices = max(counts) + 1
    rounds = []
    for choice in range(choices):
        out = [choice % len(texts) for _, texts in chosen]
        people = [texts[number] for (_, texts), number in zip(chosen, out, strict=True)]
        others = [texts[:number] + texts[number + 1 :] for (_, texts), number in zip(chosen, out, strict=True)]
        rounds.append(
            (compute_metrics(people, others, tokenizer).values, compute_metrics(kept, others, tokenizer).values)
        )
    return Agreement(
        photos=len(chosen),
        references_per_photo=counts.pop() if len(counts) == 1 else (min(counts), max(counts)),
        choices=choices,
        people=_means([people for people, _ in rounds]),
        captions=_means([machine for _, machine in rounds]),
    )


def _means(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: sum(values[key] for values in rounds) / len(rounds) for key in rounds[0]}
