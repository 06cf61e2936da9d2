"""The base install: what runs without any extra, and what names the extra that it lacks."""

import json
import os
import subprocess
import tomllib
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from polycap.decoder.weights import named_weights
from polycap.encoder.artefact import open_encoder
from polycap.encoder.identity import CELLS
from polycap.errors import PolycapError, TrainingError
from polycap.machine.extras import EXTRAS, require_extra, require_keras
from polycap.pack.pack import save_pack
from polycap.text.tokenizer import Tokenizer
from tiny import CODE, OTHER_CODE, Finished, make_card, make_decoder, make_language

pytest_plugins = ["tiny_fixtures"]

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TRANSLATION = '\n[translation]\nengine = "argos"\n'
SAMPLES = ["a red circle", "the blue bar", "one green square", "here is a black bar", "a circle, red and small"]


# --- an environment with nothing but the base dependencies ---


def names_of(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def brought_by(requirements: Iterable[str]) -> set[str]:
    """The distributions that pip would install for these requirements, by the metadata of those that are here."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {("", name), *((extra, name) for extra in requirement.extras)} - found:
            found.add(wanted)
            waiting += [(Requirement(text), wanted[0]) for text in metadata.requires(name) or ()]
    return {name for _, name in found}


def make_environment(folder: Path, distributions: Iterable[str]) -> Path:
    """An environment that has this checkout and these distributions of ours, as links; returns its Python."""
    venv.create(folder, symlinks=True)
    [site_packages] = folder.rglob("site-packages")
    for name in distributions:
        found = metadata.distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            (site_packages / top).symlink_to(Path(str(found.locate_file(top))))
    (site_packages / "checkout.pth").write_text(str(ROOT))
    return folder / "bin" / "python"


@dataclass(frozen=True)
class Base:
    """A base install, and a user's folder with a language that has a pack, and one that Argos translates."""

    python: Path
    home: Path
    encoder: Path

    def run(self, *arguments: object, **variables: str) -> Finished:
        """`polycap ARGUMENTS…` in the user's folder."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "POLYCAP", "KERAS"))}
        own |= {"POLYCAP_CACHE": "cache", "POLYCAP_PACKS": "packs", "POLYCAP_LANGUAGES": str(self.home / "languages")}
        own |= {"POLYCAP_ENCODER": str(self.encoder), "PIP_NO_INDEX": "1", **variables}
        command = [str(self.python), "-m", "polycap", *map(str, arguments)]
        done = subprocess.run(command, cwd=self.home, env=own, capture_output=True, text=True, check=False)
        return Finished(done.returncode, done.stdout, done.stderr)

    def shown(self, *arguments: object, **variables: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments, **variables)
        assert done.status == 0, f"{arguments}: {done.err}"
        return done.out


@pytest.fixture(scope="module")
def base(
    tiny_data: Path, tiny_tokenizer: Tokenizer, encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Base:
    if os.name == "nt":
        pytest.skip("the environment is made of symbolic links")
    distributions = brought_by(PROJECT["dependencies"])
    if "tensorflow" in distributions:
        pytest.skip("the base install has TensorFlow where OpenVINO has no wheel")
    folder = tmp_path_factory.mktemp("base")
    python = make_environment(folder / "environment", distributions)
    home = folder / "home"
    own = make_language(home / "languages")
    (own / "samples.toml").write_text(f"samples = {json.dumps(SAMPLES)}\n", encoding="utf-8")
    make_pack(own / "pack", tiny_tokenizer, encoder_folder)
    other = make_language(home / "languages", OTHER_CODE) / "language.toml"
    other.write_text(other.read_text(encoding="utf-8") + TRANSLATION, encoding="utf-8")
    (home / "data").symlink_to(tiny_data)
    (home / "index.json").write_text("[]", encoding="utf-8")
    return Base(python, home, encoder_folder)


def make_pack(folder: Path, tokenizer: Tokenizer, encoder_folder: Path) -> None:
    """A pack of random numbers for the random encoder."""
    encoder = open_encoder(encoder_folder)
    sizes = {"cells": CELLS, "channels": encoder.pca.components, "units": 512}
    decoder = make_decoder("attention", vocab_size=tokenizer.vocab_size, **sizes)
    save_pack(folder, make_card(decoder, tokenizer, encoder), named_weights(decoder), tokenizer)


def test_the_environment_has_no_extra(base: Base) -> None:
    modules = {module for extra, modules in EXTRAS.items() if extra != "fast" for module in modules}
    code = f"from importlib.util import find_spec; print([m for m in {modules | {'jax', 'torch'}} if find_spec(m)])"
    done = subprocess.run([base.python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- what runs ---


def test_what_is_about_languages_and_packs_runs(base: Base) -> None:
    assert base.shown("--version")
    assert CODE in base.shown("languages")
    assert base.shown("new", "gsw", "Schwiizerdütsch", "--argos-index", "index.json") == "gsw\n"
    assert "  failed   samples\n" in base.run("check", "gsw").out  # they are to be written
    assert "ok       pack" in base.shown("check", CODE)
    assert "photos opened: all" in base.shown("data", "check", "data")
    assert f"{CODE}: " in base.shown("status")
    packed = base.shown("pack", CODE, "--out", "tiny.polycap")
    assert "tiny.polycap" in packed
    assert base.shown("install", "tiny.polycap").strip() == str(Path("packs", CODE))
    assert f"{CODE}        installed" in base.shown("languages")
    assert base.shown("uninstall", CODE).strip() == str(Path("packs", CODE))


def test_captions_are_written_and_scored(base: Base) -> None:
    """Without CIDEr-D and ROUGE-L, which is said; with the attention maps."""
    photo = sorted((base.home / "data" / "Images").iterdir())[0]
    assert base.shown("caption", photo, "--language", CODE, "--html", "page.html").startswith(f"{photo}\t")
    done = base.run("evaluate", CODE, "--data", "data", "--json")
    assert done.status == 0, done
    assert 'keras needs tensorflow, which is not installed: pip install "polycap[train]"; continuing with' in done.err
    assert json.loads(done.out)["missing"] == 'CIDEr-D and ROUGE-L are missing: pip install "polycap[metrics]"'
    references = ("--references", f"{CODE}=data/captions.txt")
    done = base.run("evaluate", "--all", "--data", "data", *references, "--out", "all", "--json")
    assert done.status == 0, done
    assert "has no attention maps" not in done.err
    assert [row["language"] for row in json.loads(done.out)["languages"]] == [CODE]
    page = (base.home / "all" / "report.html").read_text(encoding="utf-8")
    assert "Where the decoder looked is not shown" not in page


def test_features_are_made(base: Base) -> None:
    shown = base.shown("features", "data", "--no-mirrored")
    assert "1 views; 100 cells of 12 channels each" in shown


def test_a_pack_that_no_runtime_can_try_is_not_called_broken(base: Base) -> None:
    shown = base.shown("check", CODE, POLYCAP_RUNTIME="keras")
    assert "  skipped  pack: runtime keras needs tensorflow, which is not installed: pip install" in shown


# --- what names its extra ---

LACKING: dict[str, tuple[tuple[Any, ...], str]] = {
    "train": (("train", CODE, "--data", "nowhere", "--out", "run"), "polycap train needs tensorflow"),
    "tune-encoder": (
        ("tune-encoder", "--data", "nowhere", "--captions", f"{CODE}=nowhere.txt", "--out", "run"),
        "polycap tune-encoder needs tensorflow",
    ),
    "build": (("build", CODE, "--data", "nowhere"), "polycap build needs tensorflow"),
    "features by Keras": (("features", "nowhere", "--runtime", "keras"), "runtime keras needs tensorflow"),
    "translate": (("translate", OTHER_CODE, "--data", "nowhere"), "Argos needs argos-translate-lt"),
    "a package to translate with": (("translate", OTHER_CODE, "--install"), "Argos needs argos-translate-lt"),
    "caption via": (("caption", "data", "--language", OTHER_CODE, "--via", CODE), "Argos needs argos-translate-lt"),
    "serve": (("serve", "--port", "0"), "polycap serve needs fastapi"),
    "quantize": (("quantize", "nowhere"), "polycap quantize needs nncf"),
}
PARTS = dict.fromkeys(("polycap train", "polycap tune-encoder", "polycap build", "runtime keras"), "train")
PARTS |= {"Argos": "translate", "polycap serve": "server", "polycap quantize": "int8"}


@pytest.mark.parametrize("case", LACKING)
def test_what_lacks_an_extra_names_it_before_any_work(case: str, base: Base) -> None:
    """Before the dataset, which is not there, is read, and before a folder is made, a cache or a connection."""
    arguments, message = LACKING[case]
    extra = PARTS[message.partition(" needs ")[0]]
    before = sorted(base.home.iterdir())
    done = base.run(*arguments, POLYCAP_CACHE="other-cache")
    assert done.fault() == f'polycap: {message}, which is not installed: pip install "polycap[{extra}]"'
    assert done.out == ""
    assert sorted(base.home.iterdir()) == before


def test_a_dry_run_needs_nothing(base: Base) -> None:
    assert "features   run   not done yet" in base.shown("build", CODE, "--data", "data", "--dry-run")


# --- the table of extras ---


def test_the_extras_are_those_of_the_project() -> None:
    optional = {name: names_of(requirements) for name, requirements in PROJECT["optional-dependencies"].items()}
    others = {"dev", "ja", "ko"}  # for whoever works on polycap, and sacreBLEU's own
    assert EXTRAS.keys() == optional.keys() - others
    for extra, modules in EXTRAS.items():
        spared = {"tensorboard", "h5py", "pip", "py3langid"}  # not needed, or there with Keras and venv
        assert optional[extra] - spared <= set(modules.values()), extra
        assert set(modules.values()) <= brought_by(PROJECT["optional-dependencies"][extra]), extra


def test_what_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "odd", {"json": "here", "no_such_module": "the-package"})
    require_extra("odd", "it", "json")
    with pytest.raises(PolycapError, match=r'^it needs the-package, .* installed: pip install "polycap\[odd\]"$'):
        require_extra("odd", "it")
    require_keras("it")
    monkeypatch.setenv("KERAS_BACKEND", "no_such_backend")
    with pytest.raises(
        TrainingError,
        match=r"^KERAS_BACKEND=no_such_backend: Keras has no such backend; unset it, or set tensorflow, jax",
    ):
        require_keras("it", error=TrainingError)
