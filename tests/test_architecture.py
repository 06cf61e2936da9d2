"""The house's rules that a reader of one file can't see: which room imports which, and what is public."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any, get_args, get_type_hints

import pytest

import polycap

PACKAGE = Path(polycap.__file__).parent
LANGUAGES = PACKAGE.parent / "languages"

TABLE = """
errors       —
files        errors
machine      errors
photos       errors machine
text         errors files
dataset      errors files machine photos
metrics      errors files machine dataset
encoder      errors files machine
pages        files
language     errors files text
features     errors files photos encoder
translation  errors files machine dataset pages language
decoder      machine text encoder language
pack         errors files text metrics encoder language decoder
runtime      errors files machine photos encoder language decoder pack
training     errors files machine text metrics dataset encoder language features decoder pack
captioning   errors machine photos text encoder pages language translation pack runtime
contract     errors files text metrics language translation pack runtime
doctor       errors files machine encoder language translation pack runtime
evaluation   errors files photos metrics dataset pages language features pack captioning
pipeline     errors files machine dataset encoder language features translation pack runtime training evaluation
__init__     errors photos metrics dataset encoder language features translation pack runtime training captioning evaluation pipeline
server       errors machine photos pages language captioning __init__
cli          errors machine photos dataset language pack runtime captioning contract doctor evaluation pipeline __init__ server
__main__     cli
"""  # noqa: E501
ROOMS = {line.split()[0]: set(line.split()[1:]) - {"—"} for line in TABLE.strip().splitlines()}
"""Each room, from the bottom up, with those that it may import. Adding a name is a decision, not an accident."""

STILL: dict[tuple[str, str], str] = {}
"""Imports that go with a change of code, and how; each must still be there, or its line goes."""

PUBLIC = [
    "AttentionMap",
    "Build",
    "BuildOptions",
    "Candidate",
    "Caption",
    "CaptionSource",
    "Captioner",
    "CaptionerGroup",
    "Dataset",
    "DatasetFault",
    "DecodingSettings",
    "EncoderArtefact",
    "EncoderSettings",
    "EngineOptions",
    "Evaluation",
    "FeatureOptions",
    "FeaturePCA",
    "FeatureStore",
    "Features",
    "InstalledPack",
    "Language",
    "LanguageEntry",
    "LanguageFault",
    "LanguageStatus",
    "PackFile",
    "PackIndex",
    "Photo",
    "PhotoBytes",
    "PhotoEncoder",
    "PhotoError",
    "PlannedStage",
    "PolycapError",
    "ReferenceCaption",
    "Runtime",
    "Scores",
    "TrainingSettings",
    "TranslatedCaptions",
    "TranslatedPair",
    "Translation",
    "TranslationReport",
    "Translator",
    "TunedEncoder",
    "TuningOptions",
    "__version__",
    "available_languages",
    "build_language",
    "build_languages",
    "evaluate_captioner",
    "get_language",
    "install_pack",
    "language_status",
    "load",
    "load_dataset",
    "load_with_captions",
    "make_features",
    "open_encoder",
    "read_pack_index",
    "train_language",
    "translate_language",
    "tune_encoder",
    "uninstall_pack",
    "write_pack_file",
    "write_pack_index",
]


def modules() -> dict[str, Path]:
    """Every module of the package but its front door, by its dotted name without `polycap.`."""
    paths = {path.relative_to(PACKAGE).with_suffix(""): path for path in PACKAGE.rglob("*.py")}
    names = {".".join(parts.parts).removesuffix(".__init__"): path for parts, path in paths.items()}
    return {name: path for name, path in names.items() if name != "__init__"}


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and dotted name of all that is imported from polycap, also inside functions and for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "polycap":
                names = (alias.name for alias in node.names if alias.name != "__version__")  # the front door's own
                yield from ((node.lineno, f"polycap.{name}") for name in names)
            elif node.module and node.module.startswith("polycap."):
                for alias in node.names:
                    inside = PACKAGE.joinpath(*node.module.split(".")[1:], f"{alias.name}.py")
                    yield node.lineno, f"{node.module}.{alias.name}" if inside.is_file() else node.module
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "polycap")


def room_of(name: str) -> str:
    return name.removeprefix("polycap.").split(".")[0]


def test_every_module_has_a_room() -> None:
    assert {room_of(name) for name in modules()} == set(ROOMS) - {"__init__"}
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "errors.py"}


def test_a_room_imports_only_what_its_row_names() -> None:
    wrong, still = [], set()
    seen = 0
    for name, path in {**modules(), "__init__": PACKAGE / "__init__.py"}.items():
        room = room_of(name)
        for line, imported in imports(ast.parse(path.read_text(encoding="utf-8"))):
            seen += 1
            other = room_of(imported)
            if other != room and other not in ROOMS[room]:
                still.add((room, other))
                if (room, other) not in STILL:
                    wrong.append(f"{path.relative_to(PACKAGE)}:{line}: {room} imports {other}")
    assert seen > 50
    assert wrong == []
    assert still == set(STILL)


def test_rows_name_only_rows_above_them() -> None:
    above: set[str] = set()
    for room, others in ROOMS.items():
        assert others <= above, room
        above.add(room)


HEAVY = ("tensorflow", "keras", "openvino", "sentencepiece", "httpx", "PIL", "typer")


@pytest.mark.parametrize("room", [room for room in ROOMS if (PACKAGE / room).is_dir()])
def test_a_rooms_front_door_is_light(room: str) -> None:
    """Every import from inside a room runs it."""
    code = f"import sys, polycap.{room}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_modules_import_one_another_without_circles() -> None:
    """Imports at the top of modules; those inside functions and for types alone are free of this."""
    names = modules()
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        body = ast.parse(path.read_text(encoding="utf-8")).body
        top = ast.Module([node for node in body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        graph[name] = {imported.removeprefix("polycap.") for _, imported in imports(top)}
    while leaves := [name for name in graph if not graph[name] & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert graph == {}


@pytest.mark.parametrize(
    ("home", "pattern"),
    [
        (
            "machine.child",
            r"\bsubprocess\.(run|Popen|\w*call|check_\w+|get\w+)\(|\bos\.(system|popen|exec|p?o?s?i?x?_?spawn|fork)\w*\(",
        ),
        ("machine.telemetry", r"^ *(import|from) (openvino|nncf)\b"),
    ],
)
def test_one_module_starts_processes_and_one_imports_what_calls_home(home: str, pattern: str) -> None:
    texts = {name: path.read_text(encoding="utf-8") for name, path in modules().items()}
    assert [name for name, text in texts.items() if re.search(pattern, text, re.MULTILINE)] == [home]


def private_parts(trees: Iterable[ast.AST]) -> set[str]:
    """Private names of other libraries: modules, what is imported from them, and attributes that no class here has."""
    imported: set[str] = set()
    used: set[str] = set()
    ours = {"_replace"}  # of every named tuple, and documented
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in ("polycap", "__future__"):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):  # for import_module
            imported |= {node.value} if re.fullmatch(r"\w+(\.\w+)+", node.value) else set()
        elif isinstance(node, ast.Attribute):
            is_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            (ours if is_self else used).add(node.attr)
        elif isinstance(node, ast.FunctionDef):
            ours.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            ours.add(node.target.id)
    private = re.compile(r"(^|\.)_(?!_)|^keras\.src\b|^tensorflow\.(python|core|compiler)\b")
    return {name for name in imported | (used - ours) if private.search(name)}


def test_one_module_uses_private_parts_of_other_libraries() -> None:
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in modules().items()}
    home = trees.pop("machine.private_apis")
    assert private_parts(trees.values()) == set()
    assert private_parts([home]) == {"PIL._webp", "keras.src.backend.config", "_KERAS_DIR"}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("from sacrebleu.significance import _bootstrap_resample", "sacrebleu.significance._bootstrap_resample"),
        ("from tensorflow.python.framework import ops", "tensorflow.python.framework.ops"),
        ("import_module('openvino._offline_transformations')", "openvino._offline_transformations"),
        ("import keras.src", "keras.src"),
        ("metric._aggregate_and_compute(statistics)", "_aggregate_and_compute"),
    ],
)
def test_a_private_part_would_be_seen(text: str, part: str) -> None:
    assert private_parts([ast.parse(text)]) == {part}


def test_scripts_start_no_python_that_looks_into_the_current_folder() -> None:
    scripts = PACKAGE.parent / "scripts"
    shell = "\n".join(
        path.read_text(encoding="utf-8") for path in scripts.iterdir() if path.suffix in ("", ".sh") and path.is_file()
    )
    started = re.findall(r'(?:python3?\}?|\$python|\$candidate)" ([^]]\S*)', shell)
    started += re.findall(
        r'\[sys\.executable, "?([^,\]"]*)', "\n".join(path.read_text() for path in scripts.rglob("*.py"))
    )
    assert len(started) > 10
    assert set(started) == {"-P"}


def literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and value of every string but docstrings, which may name languages as examples."""
    places = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, places) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def language_codes() -> re.Pattern[str]:
    """What a language's code looks like: that of a built-in folder, with or without what may follow."""
    built_in = {path.parent.name.split("-")[0] for path in LANGUAGES.glob("*/language.toml")}
    assert {"en", "zh", "pt"} <= built_in
    return re.compile(rf"({'|'.join(sorted(built_in))})([-_]\w+)?")


TOKENIZERS = {(path, name) for path in ("scaffold.py", "bleu.py") for name in ("zh", "ja-mecab", "ko-mecab")}
"""What sacreBLEU calls its tokenizers of three scripts."""
KEYS = {("json_rows.py", "id")}
"""Keys of COCO's JSON."""


def test_no_language_is_named_in_the_core() -> None:
    """What differs by language lives in its folder."""
    code = language_codes()
    found = [
        f"{path.name}:{line}: {value!r}"
        for path in modules().values()
        for line, value in literals(ast.parse(path.read_text(encoding="utf-8")))
        if code.fullmatch(value) and (path.name, value) not in TOKENIZERS | KEYS
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["x == 'zh'", "x in ('de', 'fr')", "{'pt-BR': 1}[x]", "x.startswith('zh')", "match x:\n case 'ja': pass", "x='de'"],
)
def test_a_language_in_the_core_would_be_seen(text: str) -> None:
    assert any(language_codes().fullmatch(value) for _, value in literals(ast.parse(text)))


def test_modules_are_of_a_size_to_be_read() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_the_public_names() -> None:
    assert polycap.__all__ == PUBLIC == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(polycap, name) is not None
        assert name in dir(polycap)
    assert polycap.Captioner is import_module("polycap.captioning.captioner").Captioner
    assert polycap.train_language is import_module("polycap.pipeline.steps").train_language
    everything: dict[str, Any] = {}
    exec("from polycap import *", everything)
    assert set(PUBLIC) <= everything.keys()


def test_functions_take_and_return_public_types() -> None:
    """And the fields of the dataclasses that they return. A name that is not public can't be resolved."""
    names = {name: getattr(polycap, name) for name in PUBLIC}
    functions = [value for value in names.values() if isinstance(value, FunctionType)]
    results = [polycap.Build, polycap.Evaluation, polycap.Features, polycap.TranslatedCaptions, polycap.LanguageEntry]
    assert len(functions) > 10
    for owner in [*functions, *results]:
        for kind in get_type_hints(owner, localns=names).values():
            assert {part.__qualname__ for part in parts(kind)} <= names.keys(), owner


def parts(kind: Any) -> Iterator[type]:
    """The classes of polycap in an annotation."""
    if isinstance(kind, type) and kind.__module__.split(".")[0] == "polycap":
        yield kind
    for inner in get_args(kind):
        yield from parts(inner)


def test_the_types_are_those_of_the_names() -> None:
    """`if TYPE_CHECKING` and `__getattr__` name the same homes."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If) and not isinstance(node.test, ast.UnaryOp)]
    typed = {a.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for a in node.names}
    assert typed == polycap._HOMES
    assert {*typed, "__version__"} == set(PUBLIC)


def test_a_name_that_is_not_public() -> None:
    with pytest.raises(AttributeError, match="module 'polycap' has no attribute 'caption'; it has AttentionMap, "):
        _ = polycap.caption  # type: ignore[attr-defined]


def test_every_module_says_what_it_is_for_and_what_it_offers() -> None:
    for name, path in modules().items():
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            continue  # a room's empty front door
        tree = ast.parse(text)
        assert ast.get_docstring(tree), name
        if path.name == "__main__.py" or (path.name == "__init__.py" and len(tree.body) == 1):
            continue
        targets = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
        assert "__all__" in targets, name
