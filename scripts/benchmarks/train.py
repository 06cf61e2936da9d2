"""`scripts/bench train`: caption tokens trained per second."""

import logging
import queue
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.material import dataset, part, repeated
from benchmarks.options import Options
from benchmarks.sides import Side, Turn, compare
from benchmarks.tutorial_train import TutorialTraining

__all__ = ["OurTraining", "rows", "tutorial_training"]

BASELINE_PHOTOS = 32
RECIPES = Path(__file__).parent.parent / "recipes.toml"
EVER = 1000
"""Number of epochs of a run; the run ends earlier, with its process."""


def rows(options: Options) -> list[dict[str, Any]]:
    """Compare the language's recipe, and polycap's merge decoder, with the tutorials' merge model. Return two rows."""
    dataset(options)  # fails before the work if it is missing
    merge = tomllib.loads(RECIPES.read_text(encoding="utf-8"))["merge"]["settings"]
    recipes = {"train": {}, "train, merge decoder": merge}
    baseline = partial(tutorial_training, options)
    return [
        compare(name, "tokens/s", partial(OurTraining, options, recipe), baseline, options.repeats)
        for name, recipe in recipes.items()
    ]


class Material:
    """Captions of train photos as token ids, and the stores of their features."""

    def __init__(self, options: Options, max_tokens: int) -> None:
        from polycap.encoder.artefact import open_encoder
        from polycap.features.prepare import open_features
        from polycap.language import get_language
        from polycap.training.tokenizer import train_tokenizer

        self.language, everything = get_language(options.language), dataset(options)
        self.encoder = open_encoder()
        self.stores = open_features(options.features, self.encoder).stores
        self.tokenizer = train_tokenizer(self.language, everything)
        known = [photo for photo in everything.split("train") if all(photo.name in store for store in self.stores)]
        examples = [(photo.name, [ids[:max_tokens] for ids in self._token_ids(photo)]) for photo in known]
        self.examples = repeated([example for example in examples if example[1]], options.photos)

    def _token_ids(self, photo: Any) -> list[list[int]]:
        texts = [self.language.normalize(caption.text) for caption in photo.captions]
        return [ids for ids in self.tokenizer.encode_batch(texts) if ids]


def tutorial_training(options: Options) -> Side:
    """Make the baseline's side, with its share of the photos, pooled features and the same tokens."""
    from benchmarks.tutorial import plain_keras

    plain_keras()
    from polycap.text.tokenizer import BOS, EOS
    from polycap.training.settings import TrainingSettings

    material = Material(options, TrainingSettings().max_tokens)
    some = part(material.examples, options.baseline_photos or BASELINE_PHOTOS)
    captions = {name: [[BOS, *ids, EOS] for ids in its_captions] for name, its_captions in some}
    cells = material.stores[0].read(captions).astype(np.float32)  # (photos, cells, channels)
    vectors = dict(zip(captions, cells.mean(axis=1), strict=True))
    return TutorialTraining(captions, vectors, material.tokenizer.vocab_size)


class OurTraining:
    """polycap's teacher forcing, one epoch per turn. See `Side`."""

    def __init__(self, options: Options, recipe: dict[str, Any]) -> None:
        """Prepare the run; `recipe` has settings that replace the language's."""
        from polycap.decoder.kinds import build_decoder
        from polycap.decoder.settings import DecoderSettings
        from polycap.language import get_language
        from polycap.machine.backend import allow_bfloat16, keras
        from polycap.training.batches import Batches
        from polycap.training.initialize import fix_photo_layers
        from polycap.training.settings import parse_settings

        language = get_language(options.language)
        settings = parse_settings([f"{k}={v}" for k, v in {**recipe, "epochs": EVER}.items()], language)
        material = Material(options, settings.max_tokens)
        bfloat16 = allow_bfloat16()
        keras.utils.set_random_seed(settings.seed)
        cells, channels = material.stores[0].shape
        sizes = {name: value for name, value in settings.model_dump().items() if name in DecoderSettings.model_fields}
        self._decoder = build_decoder(
            DecoderSettings(vocab_size=material.tokenizer.vocab_size, cells=cells, channels=channels, **sizes)
        )
        if settings.kind == "attention":
            fix_photo_layers(self._decoder, material.encoder)
        batches = Batches(
            material.examples,
            material.stores,
            photos_per_batch=settings.photos_per_batch,
            captions_per_photo=settings.captions_per_photo,
            max_tokens=settings.max_tokens,
            vocab_size=material.tokenizer.vocab_size,
            seed=settings.seed,
        )
        self._epochs, self._settings = EpochsInTurns(batches), settings
        self.about = f"polycap's training, {settings.kind} decoder, Keras, {keras.backend.backend()}"
        self.about += ", bfloat16 matrix products" if bfloat16 else ", float32"
        self.size = f"{len(material.examples)} photos, {batches.target_tokens()} tokens"
        threading.Thread(target=self._run, daemon=True).start()

    def warm_up(self) -> None:
        """Train an epoch, which compiles a graph for each shape of batches."""
        self.turn()

    def turn(self) -> Turn:
        """Train an epoch, with the averaging of weights, without the scoring of captions."""
        return self._epochs.turn()

    def _run(self) -> None:
        from polycap.training.loss import TokenLoss
        from polycap.training.optimizers import teacher_forcing_optimizer
        from polycap.training.phase import Phase, run_phase

        logging.getLogger("polycap").setLevel(logging.WARNING)
        settings, epochs = self._settings, self._epochs
        with tempfile.TemporaryDirectory() as folder:
            phase = Phase(
                "epoch",
                Path(folder),
                epochs,
                EVER,
                TokenLoss(settings.label_smoothing, self._decoder.settings.vocab_size),
                teacher_forcing_optimizer(settings, len(epochs)),
                settings.ema_decay,
            )
            try:
                run_phase(phase, self._decoder, epochs.finish, progress=False)
            except BaseException as error:
                epochs.fail(error)


class EpochsInTurns:
    """Batches of a phase. Each epoch waits for its turn."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self._begin: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Turn | BaseException] = queue.SimpleQueue()
        self._done: Turn | None = None

    def turn(self) -> Turn:
        """Start the next epoch."""
        self._begin.put(None)
        turn = self._ended.get()
        if isinstance(turn, BaseException):
            raise turn
        return turn

    def finish(self) -> float:
        """Replace the dev score, at an epoch's end. Writing files then is part of the turn, but not timed."""
        self._done = Turn(self._batches.target_tokens(), time.perf_counter() - self._start)
        return 0.0

    def fail(self, error: BaseException) -> None:
        """Pass on the error that ended the run."""
        self._ended.put(error)

    def start(self, epoch: int) -> None:
        """End the turn of the previous epoch, wait for the next turn, then draw the batches."""
        if self._done is not None:
            self._ended.put(self._done)
        self._begin.get()
        self._start = time.perf_counter()
        self._batches.start(epoch)

    def target_tokens(self) -> int:
        """Return the number of tokens of this epoch."""
        return int(self._batches.target_tokens())

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)
