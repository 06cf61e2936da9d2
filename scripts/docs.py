"""Generated reference of `polycap.__all__`, by pdoc. See `scripts/docs`."""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pdoc
import pdoc.doc

import polycap


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: scripts/docs [FOLDER]")
    load_names(polycap)
    if faults := sorted(undocumented(polycap)):
        sys.exit("\n".join(f"{name}: has no docstring; write one" for name in faults))
    folder = Path(sys.argv[1])
    pdoc.render.configure(docformat="google")
    pdoc.pdoc("polycap", output_directory=folder)
    print(folder / "polycap.html")


def load_names(module: ModuleType) -> None:
    """Load the public names, which load on first use, for pdoc; add inherited attributes to the docs of classes."""
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type):
            value.__doc__ = with_inherited_attributes(value)


def with_inherited_attributes(cls: type) -> str:
    """Return the docstring of a class, with the "Attributes:" of its base classes in the package before its own."""
    package = cls.__module__.split(".")[0]
    bases = [base for base in cls.__mro__ if base.__module__.split(".")[0] == package]
    own, *inherited = [inspect.cleandoc(base.__doc__ or "") for base in bases]
    found = [re.search(r"^Attributes:\n((?: .*\n?)+)", text, re.MULTILINE) for text in inherited]
    sections = [match[1] for match in found if match]
    if not sections:
        return own
    head, _, rest = own.partition("Attributes:\n")
    return f"{head.rstrip()}\n\nAttributes:\n" + "\n".join([*map(str.rstrip, sections), rest])


def undocumented(module: ModuleType) -> Iterator[str]:
    """Yield every public name of a module, and every public member of its classes, that has no docstring.

    A member that a base class of another package brings is left out. A field may stand in its class' docstring, under
    "Attributes:" or in backquotes.
    """
    for member in pdoc.doc.Module(module).members.values():
        if member.name.startswith("_"):
            continue
        if not member.docstring:
            yield member.fullname
        if isinstance(member, pdoc.doc.Class):
            own = (each for each in member.members.values() if each.taken_from[0].split(".")[0] == module.__name__)
            yield from (each.fullname for each in own if not has_docs(each, member.docstring))


def has_docs(member: pdoc.doc.Doc, class_docstring: str) -> bool:
    in_class = re.search(rf"^ *(\w+, )*{member.name}(, \w+)*:|`{member.name}`", class_docstring, re.MULTILINE)
    return member.name.startswith("_") or bool(member.docstring or in_class)


if __name__ == "__main__":
    main()
