"""Training of the decoder, in a run folder that can be resumed."""

from pathlib import Path

from polycap.pack.card import CARD_JSON, CARD_MD, TOKENIZER, card_hash, read_card
from polycap.pipeline.plan import StageResult
from polycap.pipeline.record import Values
from polycap.pipeline.stages.base import JobStage, judged_by
from polycap.pipeline.steps import train_language
from polycap.training.log import LOG

__all__ = ["TrainStage"]


class TrainStage(JobStage):
    """Train the decoder. Each set of inputs has its own run folder; an unfinished run is resumed."""

    name = "train"
    needs = ("features", "captions", "tokenizer")
    prefix = "run-"
    labels = frozenset({"caption origin"})  # part of the pack's card, but of no weight

    def facts(self) -> dict[str, str]:
        """Return the recipe, and the settings that decide the dev score."""
        job = self.job
        settings = {name: str(value) for name, value in job.settings.model_dump().items()}
        start = {"start": card_hash(read_card(job.start))} if job.start else {}
        layers = {"photo layers": str(job.artefact.card.photo_layers)}
        return {**settings, **layers, **start, **job.text, **judged_by(job)}

    def unfinished(self, place: Path) -> str:
        """Return the number of finished epochs of both phases."""
        if not (place / "config.json").is_file():
            return ""
        logs = [log for log in place.glob(f"**/{LOG}") if log.is_file()]
        done = sum(max(0, len(log.read_text(encoding="utf-8").splitlines()) - 1) for log in logs)
        settings = self.job.settings
        return f"epoch {done} of {settings.epochs + settings.self_critical_epochs}"

    def run(self, place: Path, inputs: Values) -> StageResult:
        """Train, or resume."""
        job = self.job
        pack = train_language(
            job.language,
            job.captioned,
            self.open_features(inputs),
            place,
            job.settings,
            tokenizer=job.folder / TOKENIZER,
            start=job.start,
            progress=job.progress,
        )
        card = read_card(pack)
        changeable = [pack / CARD_JSON, pack / CARD_MD]  # scores are entered later
        return StageResult(
            {"training run": place.name, "pack": card_hash(card)}, [pack / name for name in card.files], changeable
        )
