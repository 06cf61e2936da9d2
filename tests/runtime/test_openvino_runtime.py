"""Runtimes: what OpenVINO computes is what Keras computes, without TensorFlow; and what happens without OpenVINO."""

import inspect
import os
import py_compile
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polycap
from polycap.dataset import load_dataset
from polycap.decoder.search import Search
from polycap.decoder.weights import named_weights
from polycap.encoder.artefact import EncoderArtefact, open_encoder
from polycap.encoder.pca import FeaturePCA
from polycap.errors import CaptionRuntimeError, EncoderError, PackError
from polycap.features.store import FeatureStore
from polycap.language.settings import DecodingSettings
from polycap.pack.pack import Pack, load_pack, save_pack
from polycap.photos.load import load_photo
from polycap.runtime import openvino_runtime, trace
from polycap.runtime.bytecode import module_digest
from polycap.runtime.choose import open_runtime
from polycap.runtime.graphs import DECIDING
from polycap.runtime.keras_runtime import KerasRuntime
from polycap.runtime.openvino_runtime import OpenVINORuntime
from polycap.runtime.precision import FPMATH
from polycap.text.tokenizer import Tokenizer
from tiny import CELLS, CHANNELS, CODE, World, encoder_of, make_card, make_decoder, make_features, run_polycap

pytest_plugins = ["tiny_fixtures"]


@pytest.fixture
def artefact(encoder_folder: Path) -> EncoderArtefact:
    return open_encoder(encoder_folder)


def make_pack(folder: Path, kind: str, tokenizer: Tokenizer) -> Pack:
    decoder = make_decoder(kind, seed=4, vocab_size=tokenizer.vocab_size)
    weights = {name: np.asarray(value) for name, value in named_weights(decoder).items()}
    encoder = encoder_of(folder / "encoder", decoder)
    save_pack(folder, make_card(decoder, tokenizer, encoder), weights, tokenizer)
    return load_pack(folder, encoder)


SEARCHES = {
    "attention": DecodingSettings(beam_width=4, min_length=1, max_length=12, no_repeat_ngram=2),
    "merge": DecodingSettings(beam_width=1, min_length=0, max_length=7, length_penalty=0.0, no_repeat_ngram=0),
}


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("kind", SEARCHES)
def test_search_finds_what_keras_finds(kind: str, tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    pack, settings = make_pack(tmp_path, kind, tiny_tokenizer), SEARCHES[kind]
    search = OpenVINORuntime().search(pack, settings)
    for photos in (5, 1, 2):  # one graph for batches of any size
        features = make_features(photos, seed=photos)
        found, expected = search.find(features), Search(pack.decoder, settings).find(features)
        assert (found.token_ids == expected.token_ids).all()
        assert found.token_ids.dtype == np.int32
        np.testing.assert_allclose(found.log_probs, expected.log_probs, rtol=1e-4)
        np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4)
    half = make_features(2, seed=2).astype(np.float16)
    assert (search.find(half).token_ids == search.find(half.astype(np.float32)).token_ids).all()


@pytest.mark.usefixtures("cache")
def test_attention_is_what_keras_computes(tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    pack = make_pack(tmp_path, "attention", tiny_tokenizer)
    weigh = OpenVINORuntime().attention(pack)
    expected = KerasRuntime().attention(pack)
    generator = np.random.default_rng(1)
    for photos, length in ((3, 7), (1, 1)):
        features = make_features(photos, seed=photos)
        token_ids = generator.integers(4, tiny_tokenizer.vocab_size, (photos, length)).astype(np.int32)
        token_ids[:, 0] = 2  # <s>
        weights = weigh(features, token_ids)
        assert weights is not None
        assert weights.shape == (photos, length, features.shape[1])
        np.testing.assert_allclose(weights, expected(features, token_ids), atol=1e-5)  # type: ignore[arg-type]


ATTENTION_WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None  # importing it fails, as where it is not installed
from pathlib import Path
import numpy as np
from polycap.encoder.artefact import open_encoder
from polycap.pack.pack import load_pack
from polycap.runtime.openvino_runtime import OpenVINORuntime
pack = load_pack(Path(sys.argv[1]), open_encoder(Path(sys.argv[1]) / "encoder"))
features = np.ones((1, pack.card.decoder.cells, pack.card.decoder.channels), dtype=np.float32)
weights = OpenVINORuntime().attention(pack)(features, np.array([[2, 5, 6]], dtype=np.int32))
print(weights.shape[:2], weights.sum(axis=-1).round(3).tolist(), "keras" in sys.modules)
"""


@pytest.mark.usefixtures("cache")
def test_attention_without_tensorflow(tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    make_pack(tmp_path, "attention", tiny_tokenizer)
    command = [sys.executable, "-c", ATTENTION_WITHOUT_TENSORFLOW, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(1, 3) [[1.0, 1.0, 1.0]] False\n"


def test_a_decoder_that_attends_to_no_cell_has_no_graph(tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    pack = make_pack(tmp_path, "merge", tiny_tokenizer)
    ids = np.full((1, 3), 2, dtype=np.int32)
    assert OpenVINORuntime().attention(pack)(make_features(1), ids) is None


@pytest.mark.usefixtures("cache")
def test_the_encoder_sees_what_keras_sees(encoder: Any, artefact: EncoderArtefact) -> None:
    exported = OpenVINORuntime().encoder(artefact)
    assert (exported.identity, exported.size, exported.cells, exported.blocks) == (
        encoder.identity,
        encoder.size,
        encoder.cells,
        encoder.blocks,
    )
    photos = np.random.default_rng(0).integers(0, 256, (2, 299, 299, 3), dtype=np.uint8)
    one, other = exported.grid(photos), encoder.grid(photos)
    assert one.shape == other.shape == (2, 100, 2840)
    assert one.dtype == other.dtype == np.float16
    one, other = one.astype(np.float32), other.astype(np.float32)
    assert exported.precision == encoder.precision == "f32"  # as tiny.py says
    near = partial(np.testing.assert_allclose, rtol=2**-10, atol=1e-5 * float(np.abs(other).max()))  # another last bit
    near(one, other)
    for row in range(2):  # alone, as beside others
        near(exported.grid(photos[row : row + 1])[0].astype(np.float32), one[row])
    assert (exported.grid(photos[:, :, ::-1]) != one).any()  # a view, as for mirrored photos
    if not (runtime := _bfloat16()):
        return
    rounded = runtime.encoder(artefact)
    assert rounded.precision == "bf16"
    assert 0 < np.linalg.norm(rounded.grid(photos) - one) / np.linalg.norm(one) < 0.05


@pytest.mark.usefixtures("cache")
def test_the_middle_flow_is_what_keras_computes(
    tensors: Any, encoder_weights: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polycap.encoder.encoder import MiddleFlow

    monkeypatch.setenv(FPMATH, "STRICT")
    ours, keras = OpenVINORuntime().middle_flow(encoder_weights), MiddleFlow(tensors)
    assert ours.identity == keras.identity
    photos = np.stack([load_photo(path, 299) for path in sorted((tiny_data / "Images").iterdir())[:2]])
    expected = keras.grid(photos).astype(np.float32)
    np.testing.assert_allclose(ours.grid(photos), expected, atol=0.01 * np.abs(expected).max())


@pytest.mark.parametrize("blocks", [[(30, 8)], [(20, 6), (7, 3), (3, 2)]])
def test_the_reduction_is_numpy_s(blocks: list[tuple[int, int]]) -> None:
    generator = np.random.default_rng(0)
    channels, components = np.sum(blocks, axis=0).tolist()
    basis = np.zeros((channels, components), dtype=np.float32)
    top = left = 0
    for rows, columns in blocks:
        basis[top : top + rows, left : left + columns] = generator.normal(size=(rows, columns))
        top, left = top + rows, left + columns
    pca = FeaturePCA(generator.normal(size=channels).astype(np.float32), basis, 0.9, blocks)
    reduction = OpenVINORuntime().reduction(pca)
    for photos in (5, 1):
        grid = generator.normal(size=(photos, 12, channels + 4)).astype(np.float16)  # the last four are not its own
        np.testing.assert_allclose(reduction(grid), pca(grid), atol=1e-4)
    if rounded := _bfloat16():
        near = rounded.reduction(pca)(grid)
        assert 0 < np.linalg.norm(near - pca(grid)) / np.linalg.norm(pca(grid)) < 0.01


def _bfloat16() -> OpenVINORuntime | None:
    """None where this CPU has none."""
    runtime = OpenVINORuntime("bf16")
    try:
        runtime.reduction(FeaturePCA(np.zeros(1, np.float32), np.ones((1, 1), np.float32), 1.0))
    except CaptionRuntimeError:
        return None
    return runtime


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None  # importing it fails, as where it is not installed
from polycap.cli import main
sys.argv = ["polycap", "caption", *sys.argv[1:]]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
heavy = {"keras", "h5py", "httpx"} & sys.modules.keys()
print(sorted(heavy), file=sys.stderr)
"""


def test_captions_without_tensorflow(world: World, cache: Path) -> None:
    """Not even to make the graphs; and with them, without Keras."""
    photo = sorted((world.data / "Images").glob("p*.jpg"))[0]
    expected = polycap.load(CODE, runtime="keras")(photo).text

    def caption(**variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_TENSORFLOW, str(photo), "--language", CODE]
        return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)

    for _ in range(2):
        done = caption()
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{photo}\t{expected}\n"
        assert done.stderr.splitlines()[-1] == "[]"
    assert "preparing" not in done.stderr  # the second time
    assert {path.name.split("-")[0] for path in (cache / "graphs").iterdir()} >= {"encoder", "search"}
    [*_, fault] = caption(POLYCAP_RUNTIME="keras").stderr.splitlines()
    assert fault.endswith('runtime keras needs tensorflow, which is not installed: pip install "polycap[train]"')


SEARCH = """
import sys
from pathlib import Path
import numpy as np
from polycap.encoder.artefact import open_encoder
from polycap.language.settings import DecodingSettings
from polycap.pack.pack import load_pack
from polycap.runtime.openvino_runtime import OpenVINORuntime
pack = load_pack(Path(sys.argv[1]), open_encoder(Path(sys.argv[1]) / "encoder"))
features = np.ones((1, pack.card.decoder.cells, pack.card.decoder.channels), dtype=np.float32)
print(OpenVINORuntime().search(pack, DecodingSettings()).find(features).token_ids[0, 0].tolist())
"""


def test_a_search_where_no_home_can_be_written(tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    """By a fresh graph in a temporary folder, with one notice; nothing is left of it."""
    pack = make_pack(tmp_path / "pack", "merge", tiny_tokenizer)
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    left_out = ("POLYCAP_CACHE", "POLYCAP_PACKS", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-c", SEARCH, str(tmp_path / "pack")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = Search(pack.decoder, DecodingSettings()).find(np.ones((1, CELLS, CHANNELS), dtype=np.float32))
    assert done.stdout == f"{expected.token_ids[0, 0].tolist()}\n"
    assert done.stderr.count("the cache of this process is") == 1
    assert not list((tmp_path / "tmp").glob("polycap-cache-*"))


@pytest.mark.usefixtures("encoder")
def test_tensorflow_is_told_the_precision_in_time(artefact: EncoderArtefact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FPMATH, "BF16")
    with pytest.raises(CaptionRuntimeError, match=f"f32 comes too late, .*; set {FPMATH}=STRICT beforehand"):
        KerasRuntime("f32").encoder(artefact)
    monkeypatch.setattr("polycap.encoder.encoder.Encoder.load", lambda _: None)
    KerasRuntime("bf16").encoder(artefact)
    monkeypatch.delitem(sys.modules, "tensorflow")
    KerasRuntime("f32").encoder(artefact)
    assert os.environ[FPMATH] == "STRICT"


@pytest.mark.usefixtures("cache")
def test_a_cpu_without_bfloat16(artefact: EncoderArtefact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FPMATH, "BF16")
    monkeypatch.setattr("openvino.Core.get_property", lambda *_: ["FP32"])
    monkeypatch.setattr("polycap.runtime.openvino_runtime.RequestPool.open", lambda _: 1)
    assert OpenVINORuntime().encoder(artefact).precision == "f32"
    with pytest.raises(CaptionRuntimeError, match="this CPU has no bf16; give `precision` f32, or none"):
        OpenVINORuntime("bf16").encoder(artefact)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("fast", [False, True])
def test_bfloat16_where_it_is_faster(fast: bool, artefact: EncoderArtefact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FPMATH)
    monkeypatch.setattr("openvino.Core.get_property", lambda *_: ["FP32", "BF16"])
    monkeypatch.setattr("polycap.runtime.openvino_runtime.RequestPool.open", lambda _: 1)
    monkeypatch.setattr("polycap.runtime.openvino_runtime.has_fast_bfloat16", lambda: fast)
    assert OpenVINORuntime().encoder(artefact).precision == ("bf16" if fast else "f32")
    for precision in ("f32", "bf16"):
        assert OpenVINORuntime(precision).encoder(artefact).precision == precision


@pytest.mark.usefixtures("cache")
def test_an_interrupt_after_encoders_have_gone(encoder_folder: Path) -> None:
    """Two Cores of OpenVINO that ended, the elder first, left a signal stack that was gone, and Ctrl-C crashed."""
    code = (
        "import gc, signal, sys; from pathlib import Path\n"
        "from polycap.encoder.artefact import open_encoder\n"
        "from polycap.runtime.openvino_runtime import OpenVINORuntime\n"
        "two = [OpenVINORuntime('f32').encoder(open_encoder(Path(sys.argv[1]))) for _ in range(2)]\n"
        "while two:\n  two.pop(0); gc.collect()\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it\n"
        "try:\n  signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt:\n  print('interrupted')\n"
    )
    command = [sys.executable, "-c", code, str(encoder_folder)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


@pytest.mark.usefixtures("cache")
def test_features_are_made_as_captions_are(tiny_data: Path, artefact: EncoderArtefact, tmp_path: Path) -> None:
    """By OpenVINO, also where TensorFlow is at hand. `test_extras.py` makes them where it is not."""
    options = ["--no-mirrored", "--encoder", artefact.folder]
    done = run_polycap("features", tiny_data, "--out", tmp_path / "f", *options, "--precision", "f32")
    assert done.status == 0, done
    store = FeatureStore(tmp_path / "f" / "plain")
    assert store.precision == "f32"
    assert len(store.rows(store.names)) == 12
    encoder = OpenVINORuntime("f32").encoder(artefact)
    paths = [photo.path for photo in load_dataset(tiny_data).photos]
    expected = artefact.pca(encoder.grid(np.stack([load_photo(path, encoder.size) for path in paths])))
    np.testing.assert_allclose(store.features, expected, atol=0.01 * float(np.abs(expected).max()))


@pytest.mark.usefixtures("encoder")
def test_a_score_is_the_reference_s(
    artefact: EncoderArtefact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("POLYCAP_RUNTIME")
    asked = []
    monkeypatch.setattr(KerasRuntime, "encoder", lambda *_: asked.append("keras"))
    monkeypatch.setattr(OpenVINORuntime, "encoder", lambda *_: asked.append("openvino"))
    open_runtime(reference=True).encoder(artefact)
    open_runtime().encoder(artefact)
    assert asked == ["keras", "openvino"]
    assert caplog.messages == []


# --- the cache of graphs ---


@pytest.mark.usefixtures("cache")
def test_what_is_broken_is_told_in_its_own_words(
    tmp_path: Path, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYCAP_CACHE", str(tmp_path / "cache"))  # where no graph of this pack is yet
    pack = make_pack(tmp_path, "attention", tiny_tokenizer)
    (tmp_path / "decoder.safetensors").write_bytes(b"x")  # after it was loaded and checked
    with pytest.raises(PackError, match=r"decoder\.safetensors: is 1 bytes long; its card says"):
        OpenVINORuntime().attention(pack)(make_features(1), np.full((1, 3), 2, dtype=np.int32))
    with pytest.raises(EncoderError, match=r"encoder\.safetensors: is no encoder of polycap's .shapes that are not"):
        OpenVINORuntime().encoder(pack.encoder)


SOURCE = '''"""A module."""


class A:
    """A class."""

    x = {"a", "b"} & {1}


def f(y):
    """Two."""
    return y * 2.0 in {"b", "a"}
'''


def test_a_module_is_known_by_what_it_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sources and of bytecode alone, the same."""
    source = SOURCE
    variants = {
        "same": source,
        "other words": source.replace("A module", "The module").replace("A class", "B").replace("Two", "x") + "# end\n",
        "longer": source.replace("\n", "\n\n"),
        "no words": source.replace('"""A class."""', "").replace('"""A module."""', "").replace('"""Two."""', ""),
        "other number": source.replace("2.0", "3.0"),
        "other type": source.replace("2.0", "2"),
        "other name": source.replace("x =", "z ="),
        "other argument": source.replace("(y)", "(y, *z)"),
        "other constant": source.replace('"b", "a"', '"b", "c"'),
    }
    digests = {}
    for name, text in variants.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "known_by_code.py").write_text(text)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "path", [str(tmp_path / name)])
            digests[name] = module_digest("known_by_code")
    compiled = tmp_path / "compiled"
    compiled.mkdir()
    py_compile.compile(str(tmp_path / "same" / "known_by_code.py"), str(compiled / "known_by_code.pyc"))
    monkeypatch.setattr(sys, "path", [str(compiled)])
    assert module_digest("known_by_code") == digests["same"] == digests["other words"] == digests["longer"]
    assert len(set(digests.values())) == len(variants) - 2


OTHERS = {"decoder.settings", "encoder.weight_files", "encoder.weights", "errors", "files", "language", "pack.pack"}
OTHERS |= {"language.settings", "machine.backend", "machine.fork", "machine.telemetry", "decoder.weights"}
"""Modules that find and check what is traced. The graph's subject has the settings and hashes that they read."""
OTHERS |= {"text.tokenizer"}
"""The numbers of its special tokens are those of each pack's tokenizer, whose hash is in the subject."""


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("encoder", trace._encoder),
        ("middle_flow", trace._middle_flow),
        ("photo_layers", trace._photo_layers),
        ("search", trace._search),
        ("attention", trace._attention),
    ],
)
def test_the_modules_that_decide_a_graph_are_all_that_trace_it(kind: str, function: Callable[[Any], Any]) -> None:
    def imports(text: str) -> set[str]:
        return set(re.findall(r"from polycap\.([\w.]+) import", text))

    package = Path(trace.__file__).parent.parent
    todo = imports(inspect.getsource(function)) | (
        {"decoder.kinds"} if kind in ("search", "attention") else set()
    )  # by load_pack
    found: set[str] = set()
    while todo := todo - found:
        name = todo.pop()
        found.add(name)
        if name not in OTHERS:
            todo |= imports((package / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))
    assert found - OTHERS == set(DECIDING[kind])


# --- threads ---


def test_threads_are_not_pinned_to_cores() -> None:
    """Several processes would be pinned to the same ones."""
    assert openvino_runtime._core().get_property("CPU", "ENABLE_CPU_PINNING") is False


def test_threads_are_as_many_as_the_quota_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_runtime, "affinity_count", lambda: 8)
    for cores, expected in ((8, {}), (3, {"INFERENCE_NUM_THREADS": 3})):
        monkeypatch.setattr(openvino_runtime, "core_count", lambda cores=cores: cores)
        assert openvino_runtime.thread_settings() == {"ENABLE_CPU_PINNING": False, **expected}
