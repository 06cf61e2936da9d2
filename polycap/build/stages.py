"""The stages of a language, in order: features (shared) → captions → tokenizer → train → evaluate → install.

A stage's inputs are those that its result depends on and no others: `[decoding]` does not ask for new features.
It does ask for training: the epoch that is kept is the one whose captions, searched for as `[decoding]` says and
scored as `[evaluation]` says, are best.

TensorFlow is loaded by what runs, not by what decides.
"""

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from polycap.build.job import CAPTIONS, Job, card_hash, read_pack, table
from polycap.build.pack import install_pack
from polycap.build.plan import Result, Stage
from polycap.build.record import Values
from polycap.dataset import CaptionSource, Dataset, chief_origin, count_origins, score_against
from polycap.errors import FeatureStoreError
from polycap.features.identity import expected_identity
from polycap.features.pca import PCA_FILE, FeaturePCA
from polycap.features.store import FeatureStore
from polycap.files import digest, sha256_file, write_text
from polycap.probes import look_in_files
from polycap.staging import alone

if TYPE_CHECKING:  # it brings TensorFlow
    from polycap.features.prepare import Features

__all__ = ["TRAIN_LOG", "EvaluateStage", "TrainStage", "stages_of"]

logger = logging.getLogger(__name__)

TRAIN_LOG = "log.csv"
TRANSLATED = "translated.jsonl"
"""The translations, where there are other captions besides."""


def stages_of(job: Job) -> list[Stage]:
    """All stages of a language, in order."""
    captions: type[_JobStage] = CaptionsStage
    if job.translates:
        captions = MixedCaptionsStage if job.language.captions else TranslatedCaptionsStage
    kinds = (FeaturesStage, captions, TokenizerStage, TrainStage, EvaluateStage, InstallStage)
    return [kind(job) for kind in kinds]


class _JobStage(Stage):
    """A stage of a language."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = job.folder

    def open_features(self, inputs: Values) -> "Features":
        """What the features stage made, without a view that other languages asked for."""
        from polycap.features.prepare import Features, open_features

        found = open_features(self.job.work / "features" / inputs["features"])
        return Features(found.stores[: 1 + self.job.arguments.mirrored], found.pca)


class FeaturesStage(_JobStage):
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
            "encoder": expected_identity(job.arguments.encoder_weights, job.hashes.get).whole,
            "components": str(job.arguments.components),
            "mirrored": str(job.arguments.mirrored),
        }
        given = job.start and read_pack(job.start).get("pca")
        if not given or self._fitted(facts) == given:  # the pack may have been built from these very features
            return facts
        return facts | {"PCA": given}

    def _fitted(self, facts: Values) -> str:
        """The PCA that was fitted on the same photos, if so."""
        return _pca_identity(self.place(facts))

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

    def run(self, place: Path, inputs: Values) -> Result:
        """Extract, fit the PCA, reduce."""
        from polycap.features.prepare import load_pca, prepare_features

        job = self.job
        with alone(place, "these features", wait=True):
            _clear_broken(place)
            features = prepare_features(
                job.dataset,
                job.encoder,
                place,
                components=job.arguments.components,
                pca=load_pca(job.start) if "PCA" in inputs and job.start else None,
                mirrored=job.arguments.mirrored,
                hashes=job.hashes,
                progress=job.progress,
            )
        stores = features.stores[: len(self.views)]
        unread = stores[0].faults
        for name, reason in unread.items():
            logger.warning("%s: left out: %s", name, reason)
        made = {"features": place.name, "PCA": features.pca.identity, "views": ", ".join(self.views)}
        files = [path for view in self.views for path in sorted((place / view).iterdir())]
        return Result({**made, "unreadable photos": str(len(unread))}, [place / PCA_FILE, *files])


def _clear_broken(place: Path) -> None:
    """Remove what can't be gone on with: torn stores, and a PCA and reduced stores that are not of one another."""
    pca = _pca_identity(place)
    stores = {}
    for folder in [folder for folder in place.iterdir() if folder.is_dir()]:
        try:
            stores[folder] = FeatureStore(folder).pca
        except FeatureStoreError:
            shutil.rmtree(folder)
    reduced = {folder: identity for folder, identity in stores.items() if identity is not None}
    if not pca or any(identity != pca for identity in reduced.values()):
        (place / PCA_FILE).unlink(missing_ok=True)
        for folder in reduced:
            shutil.rmtree(folder)


def _pca_identity(place: Path) -> str:
    """Of the PCA in a folder of features; empty if there is none that can be read."""
    try:
        return FeaturePCA.load(place / PCA_FILE).identity
    except FeatureStoreError:
        return ""


class CaptionsStage(_JobStage):
    """The captions to learn, in one form: JSON Lines, for photos of the dataset only."""

    name = "captions"

    def facts(self) -> dict[str, str]:
        """The captions themselves: the same ones in another file format change nothing."""
        return _caption_facts(self.job.source)

    def run(self, place: Path, inputs: Values) -> Result:
        """Write them."""
        return Result(dict(inputs), [_write_captions(place, self.job.source)])


def _caption_facts(dataset: Dataset) -> dict[str, str]:
    """What later stages depend on of captions."""
    facts = {"captions": dataset.fingerprint(), "caption origin": dataset.caption_origin}
    if len(count_origins(dataset.photos)) > 1:  # then they also decide which dev captions epochs are judged by
        origins = [[photo.name, [caption.origin for caption in photo.captions]] for photo in dataset.photos]
        facts["origin of each caption"] = digest(origins)
    return facts


def _write_captions(place: Path, dataset: Dataset) -> Path:
    """Write the captions to learn, and tell of what was left out."""
    path = place / CAPTIONS
    write_text(path, "".join(f"{line}\n" for line in _caption_lines(dataset)))
    if dataset.faults:
        logger.warning("captions: %d faults, first: %s", len(dataset.faults), dataset.faults[0])
    return path


def _caption_lines(dataset: Dataset) -> Iterator[str]:
    for photo in dataset.photos:
        for caption in photo.captions:
            row = {"image": photo.name, "index": caption.index, "caption": caption.text, "origin": caption.origin}
            yield json.dumps(row | ({"weight": caption.weight} if caption.weight != 1 else {}), ensure_ascii=False)


class TranslatedCaptionsStage(_JobStage):
    """The captions to learn, translated from the dataset's own; what was translated before is kept."""

    name = "captions"

    def facts(self) -> dict[str, str]:
        """What is translated by what, and which translations are good enough."""
        job = self.job
        return {
            "source captions": job.dataset.fingerprint(),
            "engine": job.translator.identity,
            "script": job.language.script,
            **table("translation.gates", job.language.translation.gates),
        }

    def run(self, place: Path, inputs: Values) -> Result:
        """Translate."""
        self.translate(place / CAPTIONS, inputs)
        return Result(_caption_facts(self.job.captioned), [place / CAPTIONS])

    def translate(self, path: Path, inputs: Values) -> None:
        """Translate, or go on; what another engine said, or of other captions, stays in a folder of its own."""
        from polycap.translation.translate import translate_captions

        job, place = self.job, path.parent
        journal = place / f"translation-{digest([inputs['source captions'], inputs['engine']])}"
        report = translate_captions(
            job.dataset, job.language, job.translator, path, journal=journal, progress=job.progress
        )
        for line in report.lines():
            logger.info("captions: %s", line)


class MixedCaptionsStage(TranslatedCaptionsStage):
    """The dataset's captions, translated, with those of the files that the language's folder names, by its weights."""

    def facts(self) -> dict[str, str]:
        """The translation's, and the other captions."""
        others = {f"{name} of files": value for name, value in _caption_facts(self.job.given).items()}
        return {**super().facts(), **others, "weight of translations": f"{self._weight:g}"}

    def run(self, place: Path, inputs: Values) -> Result:
        """Translate, and put all together."""
        translated = place / TRANSLATED
        self.translate(translated, inputs)
        mixed = self.job.mix([CaptionSource(translated, weight=self._weight), *self.job.files])
        return Result(_caption_facts(mixed), [_write_captions(place, mixed), translated])

    @property
    def _weight(self) -> float:
        return next(source.weight for source in self.job.language.captions if source.translated)


class TokenizerStage(_JobStage):
    """The language's SentencePiece model, of the train split's captions."""

    name = "tokenizer"
    needs = ("captions",)

    def facts(self) -> dict[str, str]:
        """How text is normalised and cut."""
        return {**self.job.text, **table("tokenizer", self.job.language.tokenizer)}

    def run(self, place: Path, inputs: Values) -> Result:  # noqa: ARG002
        """Train it."""
        from polycap.training.data import train_tokenizer

        path = place / "tokenizer.model"
        tokenizer = train_tokenizer(self.job.language, self.job.captioned)
        tokenizer.save(path)
        return Result({"tokenizer": tokenizer.identity}, [path])


class TrainStage(_JobStage):
    """The decoder. Each set of inputs has a run folder of its own, where an unfinished run is gone on with."""

    name = "train"
    needs = ("features", "captions", "tokenizer")
    prefix = "run-"
    labels = frozenset({"caption origin"})  # it stands in the pack's card, and changes no weight

    def facts(self) -> dict[str, str]:
        """The recipe, and what the dev score depends on."""
        job = self.job
        settings = {name: str(value) for name, value in job.settings.model_dump().items()}
        start = {"start": card_hash(read_pack(job.start))} if job.start else {}
        return {**settings, **start, **job.text, **_judged_by(job)}

    def unfinished(self, place: Path) -> str:
        """Epochs done, of both phases."""
        if not (place / "config.json").is_file():
            return ""
        logs = [log for log in place.glob(f"**/{TRAIN_LOG}") if log.is_file()]
        done = sum(max(0, len(log.read_text(encoding="utf-8").splitlines()) - 1) for log in logs)
        settings = self.job.settings
        return f"epoch {done} of {settings.epochs + settings.self_critical_epochs}"

    def run(self, place: Path, inputs: Values) -> Result:
        """Train, or go on."""
        from polycap.tokenizer import Tokenizer
        from polycap.training.inputs import TrainingInputs
        from polycap.training.run import train_decoder

        job, features = self.job, self.open_features(inputs)
        tokenizer = Tokenizer.load(job.folder / "tokenizer.model")
        parts = TrainingInputs(job.language, job.captioned, features.stores, features.pca, tokenizer, job.start)
        pack = train_decoder(parts, place, job.settings, progress=job.progress)
        card = read_pack(pack)
        changeable = [pack / "card.json", pack / "CARD.md"]  # scores are entered there
        return Result(
            {"training run": place.name, "pack": card_hash(card)}, [pack / name for name in card["files"]], changeable
        )


class EvaluateStage(_JobStage):
    """The run's captions of the dev split, scored; the scores are entered in the run's card."""

    name = "evaluate"
    needs = ("features", "captions", "train")
    split = "dev"

    def facts(self) -> dict[str, str]:
        """How captions are searched for and scored."""
        job = self.job
        return {**job.text, **_judged_by(job), **table("probes", job.language.probes)}

    @property
    def scores(self) -> Path:
        """Where predictions, references and scores go."""
        return self.folder / f"evaluation-{self.split}"

    def run(self, place: Path, inputs: Values) -> Result:
        """Caption and score."""
        from polycap.captioning import Captioner
        from polycap.decoder.pack import load_pack, record_scores
        from polycap.evaluation import evaluate_captioner
        from polycap.runtime.reference import KerasRuntime

        job = self.job
        pack = place / inputs["training run"] / "pack"
        captioner = Captioner(job.language, load_pack(pack), job.encoder, runtime=KerasRuntime())
        store = self.open_features(inputs).stores[0]
        judge = chief_origin(job.captioned.split(self.split))  # the one that training judged its epochs by
        dataset = score_against(job.captioned, self.split, judge)
        scores = evaluate_captioner(
            captioner, dataset, self.split, store=store, folder=self.scores, progress=job.progress
        )
        row = scores.to_json(language=job.language.code, split=self.split)
        record_scores(pack, row | {"failures": look_in_files(job.language, self.scores)})
        card = pack / "card.json"
        return Result({"card": sha256_file(card)}, [*sorted(self.scores.glob("*.*")), card])


class InstallStage(_JobStage):
    """The run's pack, copied to where the language is looked for."""

    name = "install"
    needs = ("train", "evaluate")

    def facts(self) -> dict[str, str]:
        """Where to."""
        return {"pack folder": str(self.job.language.own_pack_folder)}

    def run(self, place: Path, inputs: Values) -> Result:
        """Copy it."""
        files, changeable = install_pack(place / inputs["training run"] / "pack", self.job.language)
        return Result({}, files, changeable)


def _judged_by(job: Job) -> dict[str, str]:
    return {**table("decoding", job.language.decoding), **table("evaluation", job.language.evaluation)}
