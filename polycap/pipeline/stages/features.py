"""Features of the photos, shared by languages with the same photos, encoder and components."""

import logging
from pathlib import Path

from polycap.encoder.identity import expected_identity
from polycap.encoder.pca import PCA_FILE
from polycap.errors import FeatureStoreError
from polycap.features.prepare import pca_identity
from polycap.features.store import FeatureStore
from polycap.files import digest
from polycap.pack.card import read_card
from polycap.pipeline.job import Job
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.stages.base import JobStage
from polycap.pipeline.steps import FeatureOptions, encode_dataset

__all__ = ["FeaturesStage"]

logger = logging.getLogger(__name__)


class FeaturesStage(JobStage):
    """Encode the photos, once for all languages with the same photos, encoder and components.

    Other inputs have their own folder, since other languages may still use the features.
    """

    name = "features"
    prefix = ""
    labels = frozenset({"mirrored"})

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.folder = job.work / "features"
        self.views = ("plain", "mirrored") if job.arguments.mirrored else ("plain",)

    @property
    def record_name(self) -> str:
        """File name of the record, by views: languages that share features may differ in their views."""
        return f"features-{'-'.join(self.views)}.stage.json"

    def facts(self) -> dict[str, str]:
        """Return hashes of photos, train split and encoder; the PCA, if it is that of the initial pack."""
        job = self.job
        photos = [[photo.name, job.hashes.get(photo.path)] for photo in job.dataset.photos]
        facts = {
            "photos": digest(photos),
            "train split": digest([photo.name for photo in job.dataset.split("train")]),
            "encoder": expected_identity(job.arguments.encoder_weights, job.hashes.get).full,
            "components": str(job.arguments.components),
            "mirrored": str(job.arguments.mirrored),
        }
        given = job.start and read_card(job.start).pca
        if not given or self._fitted(facts) == given:  # a pack that was built from these features has their PCA
            return facts
        return facts | {"PCA": given}

    def _fitted(self, facts: Values) -> str:
        """Return the identity of the PCA that was fitted on the same photos; empty without one."""
        return pca_identity(self.place(facts))

    def unfinished(self, place: Path) -> str:
        """Return the number of encoded photos of each view."""
        counts = []
        for view in self.views:
            for folder in (place / view, place / f"full-{view}"):  # reduced features are made from full ones
                try:
                    store = FeatureStore(folder)
                except FeatureStoreError:
                    continue
                done = sum(name in store or name in store.faults for name in store.names)
                counts.append(f"{done:,} of {len(store.names):,} photos {folder.name}")
        return ", ".join(counts)

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Encode the photos, fit the PCA, reduce."""
        job = self.job
        pca = job.start if "PCA" in inputs else None
        options = FeatureOptions(job.arguments.components, pca, job.arguments.mirrored)
        features = encode_dataset(
            job.dataset,
            place,
            options,
            lambda: job.encoder,
            clear=True,
            hashes=job.hashes,
            progress=job.progress,
        )
        stores = features.stores[: len(self.views)]
        unread = stores[0].faults
        for name, reason in unread.items():
            logger.warning("%s: left out: %s", name, reason)
        made = {"features": place.name, "PCA": features.pca.identity, "views": ", ".join(self.views)}
        files = [path for view in self.views for path in sorted((place / view).iterdir())]
        return StageResult({**made, "unreadable photos": str(len(unread))}, [place / PCA_FILE, *files])
