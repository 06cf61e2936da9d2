"""Order of the stages: features (shared) → captions → tokenizer → train → evaluate → install.

The inputs of a stage are only those that its result depends on. A change of `[decoding]` needs no new features, but it
needs training: the best epoch is chosen by the dev score, which depends on `[decoding]` and `[evaluation]`.

TensorFlow is loaded by stages that run, not by the plan.
"""

from polycap.pipeline.job import Job
from polycap.pipeline.plan import Stage
from polycap.pipeline.stages.base import JobStage
from polycap.pipeline.stages.captions import CaptionsStage, MixedCaptionsStage, TranslatedCaptionsStage
from polycap.pipeline.stages.evaluate import EvaluateStage
from polycap.pipeline.stages.features import FeaturesStage
from polycap.pipeline.stages.install import InstallStage
from polycap.pipeline.stages.tokenizer import TokenizerStage
from polycap.pipeline.stages.train import TrainStage

__all__ = ["stages_of"]


def stages_of(job: Job) -> list[Stage]:
    """Return all stages of a language, in order."""
    captions: type[JobStage] = CaptionsStage
    if job.translates:
        captions = MixedCaptionsStage if job.language.captions else TranslatedCaptionsStage
    kinds = (FeaturesStage, captions, TokenizerStage, TrainStage, EvaluateStage, InstallStage)
    return [kind(job) for kind in kinds]
