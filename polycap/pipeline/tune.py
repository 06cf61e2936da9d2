"""`tune_encoder`: the encoder's exit flow tuned on captions, from photos to a file of weights.

::

    OUT/activations/plain/, mirrored/   the middle flow's activations, 526 kB a photo and view; no longer needed then
    OUT/activations/hashes.json         hashes of the photos, so that a photo that was replaced is computed again
    OUT/config.json, …                  the run, see `polycap.training.encoder`
    OUT/xception.safetensors            the result, which `encoder_weights` takes everywhere

Each stage resumes after `kill -9`. With the same seed, machine and number of threads the results are the same bytes.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from polycap.dataset import CaptionSource, Dataset, Photo, with_sources
from polycap.encoder.protocol import PhotoEncoder
from polycap.encoder.weights import find_weights
from polycap.errors import DatasetError, TrainingError
from polycap.features.extract import extract_features
from polycap.features.store import FeatureStore
from polycap.files import make_folder
from polycap.files.hashes import HashCache
from polycap.files.locks import lock_folder
from polycap.language import Language, get_language
from polycap.machine.extras import require_keras
from polycap.runtime.choose import open_runtime
from polycap.runtime.protocol import Runtime
from polycap.training.encoder_settings import EncoderSettings
from polycap.training.settings import parse_assignments

if TYPE_CHECKING:
    from polycap.training.encoder import TunedEncoder

__all__ = ["parse_captions", "parse_tuning", "store_activations", "tune_encoder"]

LanguageCaptions = tuple[Language, Sequence[Photo]]


def tune_encoder(
    dataset: Dataset,
    captions: Mapping[str, Sequence[CaptionSource]],
    out: str | PathLike[str],
    *,
    encoder_weights: Path | None = None,
    runtime: Runtime | None = None,
    settings: EncoderSettings | None = None,
    progress: bool | None = None,
) -> "TunedEncoder":
    """Tune the encoder's exit flow on the words of several languages' captions; resumes where it was stopped.

    Args:
        dataset: photos and splits. Test photos are not looked at.
        captions: sources of captions of these photos, by language code.
        out: folder of the stages' results.
        encoder_weights: weights to begin with. (default: the first source of `find_weights`)
        runtime: runtime that computes the activations. (default: `open_runtime()`)
        settings: settings of the tuning. (default: `EncoderSettings()`)
        progress: draw bars on stderr. (default: if it is a terminal)

    Returns:
        The file of the tuned weights, and the log of the epochs.

    Raises:
        LanguageError: a language does not exist.
        DatasetError: captions can't be read, or none is of a train photo.
        EncoderError: no usable weights.
        TrainingError, FeatureStoreError, BuildError: as for `tune_exit_flow`, `extract_features` and `lock_folder`.
    """
    require_keras("polycap tune-encoder")
    from polycap.training.encoder import EncoderInputs, tune_exit_flow
    from polycap.training.exit_flow import require_tensorflow

    require_tensorflow()
    folder = Path(out)
    chosen = _read_captions(dataset, captions)
    for split in ("train", "dev"):
        if not dataset.split(split):
            raise TrainingError(f"{dataset.folder}: no photo in the {split} split; the encoder is tuned with both")
    with lock_folder(folder, "an encoder"):
        tensors = find_weights(encoder_weights)
        middle_flow = (runtime or open_runtime()).middle_flow(encoder_weights)
        stores = store_activations(dataset, middle_flow, folder / "activations", progress=progress)
        train, dev = ([photo.name for photo in dataset.split(split)] for split in ("train", "dev"))
        inputs = EncoderInputs(
            tensors,
            stores,
            chosen,
            [name for name in train if all(name in store for store in stores)],
            [name for name in dev if name in stores[0]],
        )
        return tune_exit_flow(inputs, folder, settings, progress=progress)


def parse_captions(assignments: Sequence[str], origin: str | None = None) -> dict[str, list[CaptionSource]]:
    """Parse `CODE=FILE[,origin=…]` strings into sources by language code; a code may be given again.

    Raises:
        DatasetError: no code or no file, or a source that `CaptionSource.parse` refuses.
    """
    sources: dict[str, list[CaptionSource]] = {}
    for assignment in assignments:
        code, equals, source = assignment.partition("=")
        if not equals or not code or not source:
            raise DatasetError(f"captions {assignment!r}: expected CODE=FILE, such as de=captions/de.txt")
        sources.setdefault(code, []).append(CaptionSource.parse(source, origin))
    return sources


def parse_tuning(assignments: Sequence[str]) -> EncoderSettings:
    """Parse `name=value` strings, such as `epochs=3`.

    Raises:
        TrainingError: no such setting, or a value that it does not allow.
    """
    return parse_assignments(EncoderSettings, assignments)


def store_activations(
    dataset: Dataset, middle_flow: PhotoEncoder, folder: Path, *, progress: bool | None = None
) -> list[FeatureStore]:
    """Store the middle flow's activations of the train and dev photos; resumes, and skips photos that are stored.

    Only train photos are mirrored, since dev photos are only looked at as they are.

    Args:
        dataset: photos in splits.
        middle_flow: the middle flow, as `Runtime.middle_flow` returns it.
        folder: folder of the stores `plain` and `mirrored`.
        progress: draw bars on stderr. (default: if it is a terminal)

    Returns:
        Stores of activations, the plain view first.

    Raises:
        FeatureStoreError: the folder has a store of other photos or another encoder, or photos can't be read.
    """
    hashes = HashCache(make_folder(folder) / "hashes.json")
    stores = []
    for view, splits in (("plain", ("train", "dev")), ("mirrored", ("train",))):
        photos = [(photo.name, photo.path) for split in splits for photo in dataset.split(split)]
        stores.append(
            extract_features(
                photos, middle_flow, folder / view, mirrored=view == "mirrored", hashes=hashes, progress=progress
            )
        )
        hashes.save()
    return stores


def _read_captions(dataset: Dataset, captions: Mapping[str, Sequence[CaptionSource]]) -> list[LanguageCaptions]:
    """Return each language with the photos that have captions in it."""
    if not any(captions.values()):
        raise DatasetError("no captions to tune the encoder on; give those of at least one language in `captions`")
    chosen: list[LanguageCaptions] = []
    for code, sources in captions.items():
        photos = with_sources(dataset, sources)[0].photos
        if not any(photo.split == "train" for photo in photos):
            files = ", ".join(str(source.path) for source in sources)
            raise DatasetError(f"{files}: no caption of a train photo of {dataset.name} for {code}; give another file")
        chosen.append((get_language(code), photos))
    return chosen
