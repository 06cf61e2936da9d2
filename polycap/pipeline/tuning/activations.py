"""Activations of the middle flow, computed once."""

from pathlib import Path

from polycap.files import digest
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.tuning.job import PLAIN, VIEWS, TuningStage, count_photos

__all__ = ["ActivationsStage"]


class ActivationsStage(TuningStage):
    """Compute the middle flow of the train and dev photos, in all views.

    The record names no files: once the exit flow is tuned, the activations may be deleted.
    """

    name = "activations"

    def facts(self) -> dict[str, str]:
        """Return hashes of the photos and of Xception's tensors."""
        return {"photos": self.job.photos(PLAIN.splits), "Xception": self.job.tensors_hash}

    def unfinished(self, place: Path) -> str:
        """Return the number of photos of each view."""
        return count_photos([place / view.name for view in VIEWS])

    def run(self, place: Path, inputs: Values) -> StageResult:  # noqa: ARG002
        """Compute the activations of the photos that are not there yet."""
        stores = self.job.activations
        readable = [sorted(name for name in store.names if name in store) for store in stores]
        return StageResult({"activations": stores[0].encoder, "readable photos": digest(readable)}, [])
