"""Features of the photos, shared by languages with the same photos and encoder."""

import logging
from pathlib import Path

from polycap.errors import FeatureStoreError
from polycap.features.store import FeatureStore
from polycap.files import digest
from polycap.pipeline.job import Job
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.stages.base import JobStage
from polycap.pipeline.steps import encode_dataset

__all__ = ["FeaturesStage"]

logger = logging.getLogger(__name__)


class FeaturesStage(JobStage):
    """Encode the photos, once for all languages with the same photos and encoder.

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
        """Return the hash of the photos, and the identities of encoder and PCA."""
        job = self.job
        photos = [[photo.name, job.hashes.get(photo.path)] for photo in job.dataset.photos]
        return {
            "photos": digest(photos),
            "encoder": job.artefact.features,
            "PCA": str(job.artefact.card.pca),
            "mirrored": str(job.arguments.mirrored),
        }

    def unfinished(self, place: Path) -> str:
        """Return the number of encoded photos of each view."""
        counts = []
        for view in self.views:
            try:
                store = FeatureStore(place / view)
            except FeatureStoreError:
                continue
            done = sum(name in store or name in store.faults for name in store.names)
            counts.append(f"{done:,} of {len(store.names):,} photos {view}")
        return ", ".join(counts)

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Encode the photos."""
        job = self.job
        features = encode_dataset(
            job.dataset,
            place,
            job.artefact,
            lambda: job.encoder,
            mirrored=job.arguments.mirrored,
            clear=True,
            hashes=job.hashes,
            progress=job.progress,
        )
        stores = features.stores[: len(self.views)]
        unread = stores[0].faults
        for name, reason in unread.items():
            logger.warning("%s: left out: %s", name, reason)
        made = {"features": place.name, "PCA": inputs["PCA"], "views": ", ".join(self.views)}
        files = [path for view in self.views for path in sorted((place / view).iterdir())]
        return StageResult({**made, "unreadable photos": str(len(unread))}, files)
