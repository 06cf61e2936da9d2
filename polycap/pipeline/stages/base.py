"""Base of a language's stages."""

from typing import TYPE_CHECKING

from polycap.pipeline.job import Job, table
from polycap.pipeline.plan import Stage
from polycap.pipeline.record import Values

if TYPE_CHECKING:
    from polycap.features.prepare import Features

__all__ = ["JobStage", "judged_by"]


class JobStage(Stage):
    """Stage of a language's build.

    Attributes:
        job: the build.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = job.folder

    def open_features(self, inputs: Values) -> "Features":
        """Open the features of the features stage, without a view that only other languages use."""
        from polycap.features.prepare import Features, open_features

        features = open_features(self.job.work / "features" / inputs["features"], self.job.artefact)
        return Features(features.stores[: 1 + self.job.arguments.mirrored], features.encoder)


def judged_by(job: Job) -> dict[str, str]:
    """Return the inputs that decide the dev score: the tables `[decoding]` and `[evaluation]`."""
    return {**table("decoding", job.language.decoding), **table("evaluation", job.language.evaluation)}
