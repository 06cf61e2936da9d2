"""Choice of the search, and scores of the run's captions, on the dev split."""

from pathlib import Path
from typing import Any

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
    """Choose the search, caption and score the dev split, and enter search and scores in the run's card."""

    name = "evaluate"
    needs = ("features", "captions", "train")
    split = "dev"

    def facts(self) -> dict[str, str]:
        """Return the settings of search and scores, and those that `language.toml` leaves to the choice."""
        job = self.job
        left_open = {"[decoding] chosen": ", ".join(job.language.decoding.left_open) or "nothing"}
        return {**job.text, **judged_by(job), **left_open, **table("probes", job.language.probes)}

    @property
    def scores(self) -> Path:
        """Folder of predictions, references and scores."""
        return self.folder / f"evaluation-{self.split}"

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Choose the search, caption and score the split."""
        from polycap.evaluation.choose_search import choose_search
        from polycap.evaluation.evaluate import evaluate_pack
        from polycap.runtime.keras_runtime import KerasRuntime

        job = self.job
        pack = place / inputs["training run"] / "pack"
        judge = main_origin(job.captioned.split(self.split))  # as for the dev score of training
        subject = (job.language, pack, select_references(job.captioned, self.split, judge), self.split)
        shared: dict[str, Any] = {
            "encoder": job.encoder,
            "runtime": KerasRuntime(),
            "store": self.open_features(inputs).stores[0],
            "progress": job.progress,
        }
        choose_search(*subject, **shared)
        evaluate_pack(*subject, folder=self.scores, **shared)
        card = pack / CARD_JSON
        return StageResult({"card": sha256_file(card)}, [*sorted(self.scores.glob("*.*")), card])
