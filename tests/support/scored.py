"""Helpers of the tests in tests/metrics."""

from polycap.metrics import Scores, score_captions

HYPOTHESES = [
    "a brown dog runs through the tall green grass",
    "two children play in the water",
    "a man in a red shirt is climbing a rock",
    "",
]
REFERENCES = [
    [
        "a brown dog is running through the grass",
        "the dog runs in a green field",
        "a dog runs through tall grass",
    ],
    ["two kids are playing in the water", "children play in the sea", "two children splash in the water"],
    ["a man climbs a rock wall", "a climber in a red shirt", "a man in red is climbing a large rock"],
    ["a girl on a swing", "the little girl swings", "a child on a swing"],
]


def score(references: list[list[str]], tokenizer: str = "13a", normalized: bool = True) -> Scores:
    return score_captions(HYPOTHESES, references, tokenizer=tokenizer, references_origin="human", normalized=normalized)
