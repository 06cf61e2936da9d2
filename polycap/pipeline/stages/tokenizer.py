"""Tokenizer of the language."""

from pathlib import Path

from polycap.pack.card import TOKENIZER
from polycap.pipeline.job import table
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.stages.base import JobStage

__all__ = ["TokenizerStage"]


class TokenizerStage(JobStage):
    """Train the language's SentencePiece model on the captions of the train split."""

    name = "tokenizer"
    needs = ("captions",)

    def facts(self) -> dict[str, str]:
        """Return the settings of normalisation and tokenizer."""
        return {**self.job.text, **table("tokenizer", self.job.language.tokenizer)}

    def run(self, place: Path, inputs: Values) -> StageResult:  # noqa: ARG002
        """Train the tokenizer."""
        from polycap.training.tokenizer import train_tokenizer

        path = place / TOKENIZER
        tokenizer = train_tokenizer(self.job.language, self.job.captioned)
        tokenizer.save(path)
        return StageResult({"tokenizer": tokenizer.identity}, [path])
