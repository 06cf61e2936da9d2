"""Features of all photos by the tuned encoder, and the PCA that reduces them.

::

    FEATURES/KEY/pca.safetensors     PCA, fitted on train photos
    FEATURES/KEY/plain/, mirrored/   reduced stores of all photos
    FEATURES/KEY/full-plain/         unreduced store of the plain view, until the PCA is fitted and applied
"""

import shutil
from pathlib import Path

from polycap.encoder.pca import PCA_FILE, FeaturePCA
from polycap.encoder.protocol import PhotoEncoder
from polycap.features.reduce import fit_pca, reduce_store
from polycap.features.store import FeatureStore
from polycap.files import digest
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.tuning.job import PLAIN, VIEWS, TuningStage, View, count_photos, is_complete

__all__ = ["FeaturesStage"]

FULL = "full-plain"
SHARES = (1.0, 0.375, 0.09375)
"""Components of each block of the encoder's channels, relative to the first block's."""


class FeaturesStage(TuningStage):
    """Encode all photos, fit the PCA on the train photos, and reduce all views. Each encoder has its own folder."""

    name = "features"
    needs = ("encoder",)
    prefix = ""

    def facts(self) -> dict[str, str]:
        """Return hashes of photos and train split, and the number of components."""
        return {
            "all photos": self.job.photos(),
            "train split": digest(self.job.names("train")),
            "components": str(self.job.components),
        }

    def unfinished(self, place: Path) -> str:
        """Return the number of encoded photos of each view."""
        return count_photos([place / name for name in (FULL, *(view.name for view in VIEWS))])

    def run(self, place: Path, inputs: Values) -> StageResult:  # noqa: ARG002
        """Encode, fit, reduce; or resume."""
        encoder = self.job.runtime.encoder(self.job.encoder())
        pca = self._plain(place, encoder)
        for view in VIEWS:  # the plain view, too: photos that could not be read are tried again
            self._extract(view, place / view.name, encoder, pca)
        files = [path for view in VIEWS for path in sorted((place / view.name).iterdir())]
        return StageResult({"features": place.name, "PCA": pca.identity}, [place / PCA_FILE, *files])

    def _plain(self, place: Path, encoder: PhotoEncoder) -> FeaturePCA:
        """Make PCA and reduced store of the plain view, unless a run before did; return the PCA."""
        path, full = place / PCA_FILE, place / FULL
        if not (path.is_file() and is_complete(place / PLAIN.name)):
            store = self._extract(PLAIN, full, encoder)
            if not path.is_file():
                self._fit(store, encoder).save(path)
            reduce_store(store, FeaturePCA.load(path), place / PLAIN.name, progress=self.job.progress)
        shutil.rmtree(full, ignore_errors=True)  # a killed run may have left a part of it
        return FeaturePCA.load(path)

    def _extract(self, view: View, folder: Path, encoder: PhotoEncoder, pca: FeaturePCA | None = None) -> FeatureStore:
        return self.job.extract(self.job.dataset.photos, view, folder, encoder, pca)

    def _fit(self, store: FeatureStore, encoder: PhotoEncoder) -> FeaturePCA:
        names = [name for name in self.job.names("train") if name in store]
        most = self.job.components
        sizes = [max(1, min(size, int(most * share))) for size, share in zip(encoder.blocks, SHARES, strict=False)]
        return fit_pca(store, names, sizes, blocks=encoder.blocks)
