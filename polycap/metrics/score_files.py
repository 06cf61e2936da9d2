"""What was scored, written so that sacreBLEU itself can score it again."""

from collections.abc import Sequence
from pathlib import Path

from polycap.errors import EvaluationError
from polycap.files import make_folder, write_json, write_text
from polycap.metrics.scores import Scores
from polycap.metrics.texts import checked, lines

__all__ = ["write_score_files"]


def write_score_files(
    folder: Path,
    photos: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    scores: Scores,
    *,
    language: str,
    split: str,
) -> None:
    """Save what was scored, so that sacreBLEU itself can score it again.

    `photos.txt`, `predictions.txt` and `references.0.txt` … are aligned line by line; `scores.json` is last.
    The same scores come from::

        sacrebleu references.*.txt -i predictions.txt -m bleu chrf --chrf-word-order 2 --tokenize TOKENIZER

    A photo with fewer references than others has its first one repeated: sacreBLEU's command line has no sign
    for "none" (an empty line is a reference of length 0 and moves the brevity penalty), and a repeated
    reference changes neither BLEU nor chrF.

    Raises:
        EvaluationError: lengths that differ, or a photo without references.
        PolycapError: the folder can't be written.
    """
    kept = checked(hypotheses, references)
    if len(photos) != len(hypotheses):
        raise EvaluationError(f"{len(photos)} photos for {len(hypotheses)} captions; expected as many")
    make_folder(folder)
    for stale in folder.glob("references.*.txt"):  # an earlier run may have had more references
        stale.unlink()
    most = max(map(len, kept))
    _write_lines(folder / "photos.txt", photos)
    _write_lines(folder / "predictions.txt", lines(hypotheses))
    for number in range(most):
        column = [texts[number] if number < len(texts) else texts[0] for texts in kept]
        _write_lines(folder / f"references.{number}.txt", column)
    write_json(folder / "scores.json", scores.to_json(language=language, split=split))


def _write_lines(path: Path, texts: Sequence[str]) -> None:
    write_text(path, "".join(f"{line}\n" for line in texts))
