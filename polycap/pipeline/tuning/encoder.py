"""The tuned tensors, rounded: an artefact without PCA and photo layers yet."""

from pathlib import Path

from polycap.encoder.artefact import ENCODER_FILE
from polycap.encoder.encoder_card import ENCODER_CARD
from polycap.encoder.weight_files import read_weights
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.tuning.job import TuningStage
from polycap.pipeline.tuning.words import WordsStage

__all__ = ["EncoderStage"]


class EncoderStage(TuningStage):
    """Write the tuned tensors as an unfinished artefact, so that features are made by the rounded numbers."""

    name = "encoder"
    needs = ("words",)

    def facts(self) -> dict[str, str]:
        """Return nothing: all inputs are those of the stage before."""
        return {}

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Round the tensors and write the artefact."""
        from polycap.training.encoder import TUNED_WEIGHTS

        tensors = read_weights(self.job.folder / WordsStage.name / inputs["words"] / TUNED_WEIGHTS)
        artefact = self.job.start_encoder(tensors)
        files = [place / ENCODER_FILE, place / ENCODER_CARD]  # the last stage adds the other parts
        return StageResult({"encoder": artefact.features}, [], changeable=files)
