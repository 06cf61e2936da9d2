"""The stages of a language, in order: features (shared) → captions → tokenizer → train → evaluate → install.

A stage's inputs are those that its result depends on and no others: `[decoding]` does not ask for new features.
It does ask for training: the epoch that is kept is the one whose captions, searched for as `[decoding]` says and
scored as `[evaluation]` says, are best.

TensorFlow is loaded by what runs, not by what decides.
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
    """All stages of a language, in order."""
    captions: type[JobStage] = CaptionsStage
    if job.translates:
        captions = MixedCaptionsStage if job.language.captions else TranslatedCaptionsStage
    kinds = (FeaturesStage, captions, TokenizerStage, TrainStage, EvaluateStage, InstallStage)
    return [kind(job) for kind in kinds]
