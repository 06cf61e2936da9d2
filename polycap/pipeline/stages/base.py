"""The base of a language's stages."""

from typing import TYPE_CHECKING

from polycap.pipeline.job import Job, table
from polycap.pipeline.plan import Stage
from polycap.pipeline.record import Values

if TYPE_CHECKING:
    from polycap.features.prepare import Features

__all__ = ["JobStage", "judged_by"]


class JobStage(Stage):
    """A stage of a language."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = job.folder

    def open_features(self, inputs: Values) -> "Features":
        """What the features stage made, without a view that other languages asked for."""
        from polycap.features.prepare import Features, open_features

        found = open_features(self.job.work / "features" / inputs["features"])
        return Features(found.stores[: 1 + self.job.arguments.mirrored], found.pca)


def judged_by(job: Job) -> dict[str, str]:
    return {**table("decoding", job.language.decoding), **table("evaluation", job.language.evaluation)}
