"""Photos as features, once for all languages with the same photos, encoder and components."""

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
from polycap.pipeline.steps import make_features

__all__ = ["FeaturesStage"]

logger = logging.getLogger(__name__)


class FeaturesStage(JobStage):
    """Photos → features, once for all languages with the same photos, encoder and components.

    Others get a folder of their own: nothing that another language still trains on is thrown away.
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
        """With one view and with two, side by side: languages may differ in this."""
        return f"features-{'-'.join(self.views)}.stage.json"

    def facts(self) -> dict[str, str]:
        """Photos by their bytes; the PCA is fitted on those of the train split, or that of the pack to begin with."""
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
        if not given or self._fitted(facts) == given:  # the pack may have been built from these very features
            return facts
        return facts | {"PCA": given}

    def _fitted(self, facts: Values) -> str:
        """The PCA that was fitted on the same photos, if so."""
        return pca_identity(self.place(facts))

    def unfinished(self, place: Path) -> str:
        """Photos done of each view."""
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
        """Extract, fit the PCA, reduce."""
        job = self.job
        features = make_features(
            job.dataset,
            lambda: job.encoder,
            place,
            components=job.arguments.components,
            pca=job.start if "PCA" in inputs else None,
            mirrored=job.arguments.mirrored,
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
