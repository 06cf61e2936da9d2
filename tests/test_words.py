"""Words: the form of docstrings, and messages without the command line's options."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import polycap

PACKAGE = Path(polycap.__file__).parent
QUESTION_WORDS = {"how", "what", "when", "where", "which", "who", "whom", "whose", "why"}


def docstrings(path: Path) -> Iterator[tuple[int, str, ast.AST]]:
    """Yield line, text and owner of each docstring of a module, also of those below a constant or a field."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                if isinstance(text, str):
                    yield statement.lineno, text.strip(), node


def is_question(text: str, owner: ast.AST) -> bool:
    """Return whether a docstring begins as a question; "Whether" is allowed for properties and constants."""
    word = text.split(maxsplit=1)[0].strip(",.:").lower()
    if word != "whether":
        return word in QUESTION_WORDS
    if not isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return not any("property" in ast.unparse(decorator) for decorator in owner.decorator_list)


def questions(room: Path) -> list[str]:
    """Return place and first line of the docstrings of a room or module that begin as questions."""
    modules = sorted(room.rglob("*.py")) if room.is_dir() else [room]
    return [
        f"{module.relative_to(PACKAGE)}:{line}: {text.splitlines()[0]}"
        for module in modules
        for line, text, owner in docstrings(module)
        if is_question(text, owner)
    ]


ROOMS = sorted(path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists())


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.stem)
def test_a_docstring_begins_with_a_noun_phrase_or_an_imperative(room: Path) -> None:
    assert not questions(room)


OPTION = re.compile(r"(?<![\w-])--[a-z]")
COMMAND = re.compile(r"`(polycap|pip) [^`]*(`|$)|PyInstaller: --copy-metadata")
"""Whole commands, which a message may name as a fix."""


def raised_options(module: Path) -> list[str]:
    """Return the messages of exceptions in a module that name an option of the command line."""
    raised = [node for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise)]
    texts = [
        "".join(
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "…"
            for part in (message.values if isinstance(message, ast.JoinedStr) else [message])
        )
        for statement in raised
        for message in ast.walk(statement)
        if isinstance(message, ast.JoinedStr | ast.Constant)
    ]
    return [f"{module.relative_to(PACKAGE)}: {text}" for text in texts if OPTION.search(COMMAND.sub("", text))]


def test_errors_name_arguments_not_options() -> None:
    modules = [module for module in sorted(PACKAGE.rglob("*.py")) if module.parent.name != "cli"]
    assert [found for module in modules for found in raised_options(module)] == []
