"""Files of scored captions and references, which sacreBLEU's command line can score again."""

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
    """Write photos, captions, references and scores, so that sacreBLEU's command line can score them again.

    `photos.txt`, `predictions.txt` and `references.0.txt` … are aligned line by line; `scores.json` is written last.
    This command gives the same scores::

        sacrebleu references.*.txt -i predictions.txt -m bleu chrf --chrf-word-order 2 --tokenize TOKENIZER

    A tokenizer of polycap's own (`tsheg`) is not sacreBLEU's: write spaces in place of ་ then, with `--tokenize none`.

    For a photo with fewer references than others, the first one is repeated: sacreBLEU's command line can't mark a
    reference as absent (an empty line is a reference of length 0 and changes the brevity penalty), and a repeated
    reference changes neither BLEU nor chrF.

    Args:
        folder: folder to write to.
        photos: names of the photos.
        hypotheses: one caption per photo.
        references: one or more references per photo.
        scores: scores of the captions.
        language: code of the language.
        split: name of the split.

    Raises:
        EvaluationError: lengths differ, or a photo has no reference.
        PolycapError: the folder can't be written.
    """
    nonempty = checked(hypotheses, references)
    if len(photos) != len(hypotheses):
        raise EvaluationError(f"{len(photos)} photos for {len(hypotheses)} captions; expected as many")
    make_folder(folder)
    for stale in folder.glob("references.*.txt"):  # an earlier run may have written more files
        stale.unlink()
    most = max(map(len, nonempty))
    _write_lines(folder / "photos.txt", photos)
    _write_lines(folder / "predictions.txt", lines(hypotheses))
    for index in range(most):
        column = [texts[index] if index < len(texts) else texts[0] for texts in nonempty]
        _write_lines(folder / f"references.{index}.txt", column)
    write_json(folder / "scores.json", scores.to_json(language=language, split=split))


def _write_lines(path: Path, texts: Sequence[str]) -> None:
    write_text(path, "".join(f"{line}\n" for line in texts))
