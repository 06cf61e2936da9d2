"""The finished artefact, and a pack per language over it, with scores."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from polycap.dataset import main_origin
from polycap.encoder.artefact import ENCODER_FILE, EncoderArtefact, save_artefact
from polycap.encoder.encoder_card import ENCODER_CARD, EncoderCard
from polycap.encoder.pca import PCA_FILE, FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.evaluation.references import select_references
from polycap.features.distribution import photo_distribution
from polycap.features.store import FeatureStore
from polycap.files import digest, write_json
from polycap.pack.card import CARD_JSON, CARD_MD, read_card
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.tuning.decoders import PHOTO_LAYERS, DecodersStage, training_inputs
from polycap.pipeline.tuning.features import FeaturesStage
from polycap.pipeline.tuning.job import PLAIN, LanguageCaptions, TuningJob, TuningStage, read_epochs
from polycap.pipeline.tuning.words import WordsStage
from polycap.training.card import ENCODER_TERMS, OTHER_TERMS, describe_origins

__all__ = ["PACKS", "PacksStage"]

PACKS = "packs"
"""Folder of the packs."""

SCORED = "dev"
"""Split of the scores."""
SCORES = ("language", "split", "photos", "references_origin", "bleu4", "cider_d", "signature")
"""Keys of a row of scores in the encoder's card; the pack's card has all."""


class PacksStage(TuningStage):
    """Finish the artefact, write the packs, and score them on the dev split."""

    name = "packs"
    needs = ("words", "encoder", "features", "decoders")

    def __init__(self, job: TuningJob) -> None:
        super().__init__(job)
        self.folder = job.folder  # above both the encoder and the packs

    def facts(self) -> dict[str, str]:
        """Return a hash of the terms."""
        return {"terms": digest([self.job.dataset.terms, self.job.terms])}

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Write and score."""
        from polycap.training.side_by_side import write_packs

        job = self.job
        features, decoders = (job.folder / name / inputs[name] for name in (FeaturesStage.name, DecodersStage.name))
        encoder = self._finish(inputs, features, decoders)
        recipes = {each.code: each.recipe for each in job.languages}
        packs = write_packs(training_inputs(job, encoder, features), decoders, place / PACKS, recipes)
        store = FeatureStore(features / PLAIN.name)
        loaded = job.runtime.encoder(encoder)
        rows = [self._score(each, packs[each.code], loaded, store) for each in job.languages]
        card = job.encoder_folder / ENCODER_CARD
        write_json(card, encoder.card.model_copy(update={"scores": rows}).model_dump(mode="json", by_alias=True))
        cards = [card, *(pack / name for pack in packs.values() for name in (CARD_JSON, CARD_MD))]
        files = [job.encoder_folder / ENCODER_FILE]
        files += [pack / name for pack in packs.values() for name in read_card(pack).files]
        return StageResult({}, files, cards)

    def _finish(self, inputs: Values, features: Path, decoders: Path) -> EncoderArtefact:
        """Write the artefact with PCA, photo layers and distribution."""
        job, store = self.job, FeatureStore(features / PLAIN.name)
        return save_artefact(
            job.encoder_folder,
            self._card(inputs),
            job.encoder().tensors,
            pca=FeaturePCA.load(features / PCA_FILE),
            photo_layers=load_file(decoders / PHOTO_LAYERS),
            distribution=photo_distribution(store, [name for name in job.names("train") if name in store]),
        )

    def _card(self, inputs: Values) -> EncoderCard:
        job = self.job
        epochs = read_epochs(job.folder / WordsStage.name / inputs["words"])
        captions = {each.code: describe_origins(each.dataset.split("train")) for each in job.languages}
        return EncoderCard(
            data={
                "name": job.dataset.name,
                "splits": job.dataset.split_source,
                "train photos": len(job.names("train")),
                "train captions by language and origin": captions,
            },
            terms=list(dict.fromkeys([*(job.dataset.terms or [OTHER_TERMS]), *job.terms, ENCODER_TERMS])),
            training={
                "begins with": job.tensors_hash,
                "words": job.words.model_dump(exclude={"checkpoint_steps"}),
                "words' mean average precision on dev": [round(row["mean_average_precision"], 4) for row in epochs],
                "components": job.components,
                "decoders": {each.code: each.recipe.model_dump() for each in job.languages},
            },
            created=datetime.now(UTC).date().isoformat(),
        )

    def _score(self, each: LanguageCaptions, pack: Path, encoder: PhotoEncoder, store: FeatureStore) -> dict[str, Any]:
        """Choose the pack's search, score it, and return its row for the encoder's card."""
        from polycap.evaluation.choose_search import choose_search
        from polycap.evaluation.evaluate import evaluate_pack
        from polycap.runtime.keras_runtime import KerasRuntime

        references = select_references(each.dataset, SCORED, main_origin(each.dataset.split(SCORED)))
        subject = (each.language, pack, references, SCORED)
        shared: dict[str, Any] = {"encoder": encoder, "runtime": KerasRuntime(), "store": store}
        choose_search(*subject, **shared, progress=self.job.progress)
        row = evaluate_pack(*subject, **shared, progress=self.job.progress).to_json()
        return {key: row[key] for key in SCORES}
