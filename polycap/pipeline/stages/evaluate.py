"""The run's captions of the dev split, scored."""

from pathlib import Path

from polycap.dataset import main_origin
from polycap.evaluation.failures import look_in_files
from polycap.evaluation.references import select_references
from polycap.files import sha256_file
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
        from polycap.captioning.captioner import Captioner
        from polycap.evaluation.evaluate import evaluate_captioner
        from polycap.pack.pack import load_pack
        from polycap.pack.record import record_scores
        from polycap.runtime.keras_runtime import KerasRuntime

        job = self.job
        pack = place / inputs["training run"] / "pack"
        captioner = Captioner(job.language, load_pack(pack), job.encoder, runtime=KerasRuntime())
        store = self.open_features(inputs).stores[0]
        judge = main_origin(job.captioned.split(self.split))  # the one that training judged its epochs by
        dataset = select_references(job.captioned, self.split, judge)
        scores = evaluate_captioner(
            captioner, dataset, self.split, store=store, folder=self.scores, progress=job.progress
        )
        row = scores.to_json(language=job.language.code, split=self.split)
        record_scores(pack, row | {"failures": look_in_files(job.language, self.scores)})
        card = pack / "card.json"
        return StageResult({"card": sha256_file(card)}, [*sorted(self.scores.glob("*.*")), card])
