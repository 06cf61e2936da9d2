"""The house's rules that a reader of one file can't see: which room imports which, and what is public."""

import ast
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import polycap

PACKAGE = Path(polycap.__file__).parent
LANGUAGES = PACKAGE.parent / "languages"

GROUND = {"backend", "download", "errors", "files", "hashes", "language", "language_folder", "metrics", "page"}
GROUND |= {"archive", "probes", "photos", "processor", "quiet", "registry", "samples", "script"}
GROUND |= {"child", "extras", "fork", "locks", "photo_headers", "photo_limits", "staging", "telemetry", "text"}
GROUND |= {"private_apis", "webp"}
ROOMS = ["dataset", "translation", "tokenizer", "features", "decoder", "runtime", "training", "captioning", "via"]
ROOMS += ["evaluation", "contract", "scaffold", "exchange", "build", "report"]
"""From left to right: a room imports only from rooms to its left and from the ground floor."""
DOORS = {"__main__", "cli", "commands", "evaluating", "server"}
"""The last floor: what a person calls."""

FLOORS = {name: floor for floor, names in enumerate([GROUND, *([room] for room in ROOMS), DOORS]) for name in names}

PUBLIC = [
    "Captioner",
    "Language",
    "PolycapError",
    "__version__",
    "available_languages",
    "build_language",
    "caption_photos",
    "evaluate_captioner",
    "get_language",
    "install_pack",
    "load_dataset",
    "train_decoder",
    "uninstall_pack",
    "write_pack_file",
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
    assert {room_of(name) for name in modules()} == set(FLOORS)


def test_rooms_import_only_leftwards() -> None:
    wrong = []
    seen = 0
    for name, path in modules().items():
        room = room_of(name)
        for line, imported in imports(ast.parse(path.read_text(encoding="utf-8"))):
            seen += 1
            other = room_of(imported)
            # within the ground floor and among the doors anything goes; else only to the left, or within the room
            same_floor = other == room or (FLOORS[room] in (0, len(ROOMS) + 1) and FLOORS[other] == FLOORS[room])
            if not same_floor and FLOORS[other] >= FLOORS[room]:
                wrong.append(f"{path.name}:{line}: {room} imports {other}")
    assert seen > 50
    assert wrong == []


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
            "child",
            r"\bsubprocess\.(run|Popen|\w*call|check_\w+|get\w+)\(|\bos\.(system|popen|exec|p?o?s?i?x?_?spawn|fork)\w*\(",
        ),
        ("telemetry", r"^ *(import|from) (openvino|nncf)\b"),
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
    home = trees.pop("private_apis")
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


TOKENIZERS = {(path, name) for path in ("scaffold.py", "sacre.py") for name in ("zh", "ja-mecab", "ko-mecab")}
"""What sacreBLEU calls its tokenizers of three scripts."""


def test_no_language_is_named_in_the_core() -> None:
    """What differs by language lives in its folder."""
    code = language_codes()
    found = [
        f"{path.name}:{line}: {value!r}"
        for path in modules().values()
        for line, value in literals(ast.parse(path.read_text(encoding="utf-8")))
        if code.fullmatch(value) and (path.name, value) not in TOKENIZERS
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
    assert vars(polycap)["__all__"] == PUBLIC == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(polycap, name) is not None
        assert name in dir(polycap)
    assert polycap.Captioner is import_module("polycap.captioning").Captioner
    assert polycap.train_decoder is import_module("polycap.training.run").train_decoder
    everything: dict[str, Any] = {}
    exec("from polycap import *", everything)
    assert set(PUBLIC) <= everything.keys()


def test_the_types_are_those_of_the_names() -> None:
    """What a type checker reads, and the table of the names' homes; `X as X` is how it knows a name that is public."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    typed = [(node.module, a) for node in block.body if isinstance(node, ast.ImportFrom) for a in node.names]
    assert {a.name: module for module, a in typed} == vars(polycap)["_HOMES"]
    assert all(a.asname == a.name for _, a in typed)


def test_a_name_that_is_not_public() -> None:
    with pytest.raises(AttributeError, match="module 'polycap' has no attribute 'caption'; it has Captioner, "):
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
