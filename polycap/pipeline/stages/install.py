"""Copy of the run's pack in the language's folder."""

from pathlib import Path

from polycap.pipeline.install import copy_pack
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.stages.base import JobStage

__all__ = ["InstallStage"]


class InstallStage(JobStage):
    """Copy the run's pack to the language's folder."""

    name = "install"
    needs = ("train", "evaluate")

    def facts(self) -> dict[str, str]:
        """Return the pack's folder."""
        return {"pack folder": str(self.job.language.own_pack_folder)}

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Copy the pack."""
        files, changeable = copy_pack(place / inputs["training run"] / "pack", self.job.language)
        return StageResult({}, files, changeable)
