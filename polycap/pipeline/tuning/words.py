"""Tuning of the exit flow on words of captions."""

from pathlib import Path

from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.tuning.job import TuningStage, named
from polycap.training.log import LOG

__all__ = ["WordsStage"]


class WordsStage(TuningStage):
    """Tune the exit flow. Each set of inputs has its own run folder; an unfinished run is resumed."""

    name = "words"
    needs = ("activations",)
    prefix = ""
    labels = frozenset({"words.share", "words.checkpoint_steps"})  # another share is made of the same run

    def facts(self) -> dict[str, str]:
        """Return the settings and the captions."""
        return {**named("words", self.job.words.model_dump()), **self.job.captions()}

    def unfinished(self, place: Path) -> str:
        """Return the number of finished epochs."""
        log = place / LOG
        epochs = len(log.read_text(encoding="utf-8").splitlines()) - 1 if log.is_file() else 0
        return f"epoch {epochs} of {self.job.words.epochs}" if (place / "config.json").is_file() else ""

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Tune, or resume."""
        from polycap.training.encoder import EncoderInputs, tune_exit_flow

        job, stores = self.job, self.job.activations
        encoder_inputs = EncoderInputs(
            job.tensors,
            stores,
            [(each.language, each.dataset.photos) for each in job.languages],
            [name for name in job.names("train") if all(name in store for store in stores)],
            [name for name in job.names("dev") if name in stores[0]],
        )
        tuned = tune_exit_flow(encoder_inputs, place, job.words, progress=job.progress)
        files = [tuned.weights, place / "words.json", place / "words.safetensors", place / LOG]
        return StageResult({"words": place.name, "share": inputs["words.share"]}, files)
