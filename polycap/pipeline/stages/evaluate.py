"""Scores of the run's captions of the dev split."""

from pathlib import Path

from polycap.dataset import main_origin
from polycap.evaluation.references import select_references
from polycap.files import sha256_file
from polycap.pack.card import CARD_JSON
from polycap.pipeline.job import table
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.stages.base import JobStage, judged_by

__all__ = ["EvaluateStage"]


class EvaluateStage(JobStage):
    """Caption and score the dev split, and enter the scores in the run's card."""

    name = "evaluate"
    needs = ("features", "captions", "train")
    split = "dev"

    def facts(self) -> dict[str, str]:
        """Return the settings of search and scores."""
        job = self.job
        return {**job.text, **judged_by(job), **table("probes", job.language.probes)}

    @property
    def scores(self) -> Path:
        """Folder of predictions, references and scores."""
        return self.folder / f"evaluation-{self.split}"

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Caption and score the split."""
        from polycap.evaluation.evaluate import evaluate_pack
        from polycap.runtime.keras_runtime import KerasRuntime

        job = self.job
        pack = place / inputs["training run"] / "pack"
        judge = main_origin(job.captioned.split(self.split))  # as for the dev score of training
        evaluate_pack(
            job.language,
            pack,
            select_references(job.captioned, self.split, judge),
            self.split,
            encoder=job.encoder,
            runtime=KerasRuntime(),
            store=self.open_features(inputs).stores[0],
            folder=self.scores,
            progress=job.progress,
        )
        card = pack / CARD_JSON
        return StageResult({"card": sha256_file(card)}, [*sorted(self.scores.glob("*.*")), card])
