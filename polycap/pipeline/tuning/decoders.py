"""Decoders of all languages, trained side by side over photo layers that they share."""

from pathlib import Path
from typing import TYPE_CHECKING

from polycap.encoder.artefact import EncoderArtefact
from polycap.encoder.pca import PCA_FILE, FeaturePCA
from polycap.features.store import FeatureStore
from polycap.files import digest
from polycap.files.tensors import save_tensors
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.tuning.features import FeaturesStage
from polycap.pipeline.tuning.job import VIEWS, TuningJob, TuningStage
from polycap.training.log import LOG

if TYPE_CHECKING:
    from polycap.training.inputs import TrainingInputs

__all__ = ["PHOTO_LAYERS", "DecodersStage", "training_inputs"]

PHOTO_LAYERS = "photo_layers.safetensors"
"""File of the photo layers, not rounded yet, in a run's folder."""


class DecodersStage(TuningStage):
    """Train the decoders. Each set of inputs has its own run folder; an unfinished run is resumed."""

    name = "decoders"
    needs = ("encoder", "features")
    prefix = ""

    def facts(self) -> dict[str, str]:
        """Return the captions, the recipes, and what decides tokenizers and dev scores."""
        facts = self.job.captions()
        for each in self.job.languages:
            language = each.language
            judged = [language.tokenizer.model_dump(mode="json"), language.decoding.model_dump(mode="json")]
            facts[f"recipe of {each.code}"] = digest(each.recipe.model_dump())
            facts[f"tokenizer and scores of {each.code}"] = digest([*judged, language.evaluation.model_dump()])
        return facts

    def unfinished(self, place: Path) -> str:
        """Return the number of finished epochs of teacher forcing."""
        log = place / LOG
        epochs = len(log.read_text(encoding="utf-8").splitlines()) - 1 if log.is_file() else 0
        return f"epoch {epochs} of {self.job.languages[0].recipe.epochs}" if epochs else ""

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Train, or resume."""
        from polycap.training.side_by_side import TRAINED, train_side_by_side

        job = self.job
        features = job.folder / FeaturesStage.name / inputs["features"]
        encoder = job.encoder(FeaturePCA.load(features / PCA_FILE))
        recipes = {each.code: each.recipe for each in job.languages}
        layers = train_side_by_side(training_inputs(job, encoder, features), place, recipes, progress=job.progress)
        save_tensors(place / PHOTO_LAYERS, layers)
        trained = [place / each.code / TRAINED for each in job.languages]
        return StageResult({"decoders": place.name}, [place / PHOTO_LAYERS, *trained])


def training_inputs(job: TuningJob, encoder: EncoderArtefact, features: Path) -> "list[TrainingInputs]":
    """Return the inputs of each language's training.

    Args:
        job: the tuning.
        encoder: the encoder, with or without photo layers.
        features: folder of the features.
    """
    from polycap.training.inputs import TrainingInputs

    stores = [FeatureStore(features / view.name) for view in VIEWS]
    return [TrainingInputs(each.language, each.dataset, stores, encoder, terms=job.terms) for each in job.languages]
