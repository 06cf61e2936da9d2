"""The run's captions of the dev split, scored."""

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
    """The run's captions of the dev split, scored; the scores are entered in the run's card."""

    name = "evaluate"
    needs = ("features", "captions", "train")
    split = "dev"

    def facts(self) -> dict[str, str]:
        """How captions are searched for and scored."""
        job = self.job
        return {**job.text, **judged_by(job), **table("probes", job.language.probes)}

    @property
    def scores(self) -> Path:
        """Where predictions, references and scores go."""
        return self.folder / f"evaluation-{self.split}"

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Caption and score."""
        from polycap.evaluation.evaluate import evaluate_pack
        from polycap.runtime.keras_runtime import KerasRuntime

        job = self.job
        pack = place / inputs["training run"] / "pack"
        judge = main_origin(job.captioned.split(self.split))  # the one that training judged its epochs by
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
