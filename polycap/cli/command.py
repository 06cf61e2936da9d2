"""Commands of Typer: their options in one object, and the defaults in their help."""

import ast
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from inspect import Parameter, Signature, getdoc, getsource
from textwrap import dedent
from typing import Any, TypeVar, get_type_hints

from typer.core import TyperCommand

__all__ = ["Command", "doc_of", "with_options"]

Options = TypeVar("Options")


def with_options(function: Callable[[Options], None]) -> Callable[..., None]:
    """Return a function for Typer whose parameters are the fields of a dataclass, the one that `function` takes.

    The dataclass' own fields stand before those of its bases.
    """
    options = get_type_hints(function)["options"]
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in _own_first(options)
    ]

    def command(**values: Any) -> None:
        function(options(**values))

    command.__name__, command.__doc__ = function.__name__, doc_of(function)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return command


def doc_of(function: Callable[..., Any]) -> str | None:
    """Return a function's docstring, for the help; from its source where Python (-OO) has dropped it."""
    if function.__doc__ is not None:
        return getdoc(function)
    try:
        [definition] = ast.parse(dedent(getsource(function))).body
    except (OSError, SyntaxError, ValueError):
        return None
    return ast.get_docstring(definition) if isinstance(definition, ast.FunctionDef) else None


def _own_first(options: Any) -> list[Field[Any]]:
    by_name = {field.name: field for field in fields(options)}
    names = [name for kind in options.__mro__ for name in vars(kind).get("__annotations__", ())]
    return [by_name[name] for name in dict.fromkeys(names)]


class Command(TyperCommand):
    """Command whose help ends with "(default: …)" for each option and argument that may be left out.

    The text is `show_default` where that is a text, or else the value of the default. Flags without a `--no-` form
    have none.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for parameter in self.params:
            _complete_help(parameter)


def _complete_help(parameter: Any) -> None:
    is_flag = getattr(parameter, "is_flag", False) and not parameter.secondary_opts
    text = parameter.show_default if isinstance(parameter.show_default, str) else _default_text(parameter.default)
    if text and not is_flag and not parameter.required:
        parameter.help = f"{parameter.help} (default: {text})"
    if getattr(parameter, "multiple", False):
        parameter.help += " (repeatable)"
    parameter.show_default = False  # it is in the help now


def _default_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
