"""Sizes of a checkout: README, modules, functions, and the imports between rooms. See `scripts/sizes`.

A room is what lies directly below `polycap/`: a package, or a module beside the packages; `scripts` is one more. An
arrow is a room that imports another, at least once, also inside functions and for types alone.
"""

import argparse
import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

Arrows = set[tuple[str, str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/sizes", description="Print the sizes of a checkout.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent.parent, help="the checkout")
    parser.add_argument("--arrows", action="store_true", help="also list what each room imports")
    arguments = parser.parse_args()
    if not (arguments.folder / "polycap" / "__init__.py").is_file():
        parser.error(f"{arguments.folder}: has no polycap/__init__.py; name a checkout")
    print("\n".join(report(arguments.folder, list_arrows=arguments.arrows)))


def report(folder: Path, *, list_arrows: bool = False) -> Iterator[str]:
    """Yield the lines that `scripts/sizes` prints."""
    trees = {path: parse(path) for path in sorted((folder / "polycap").rglob("*.py"))}
    functions: dict[str, Function] = {}
    for path, tree in trees.items():
        functions |= functions_of(tree, name_of(path, folder))
    readme = folder / "README.md"
    yield f"README      {count_lines(readme) if readme.is_file() else 0} lines"
    yield f"modules     {summary({name_of(path, folder): count_lines(path) for path in trees})} lines"
    yield f"functions   {summary({name: length(node) for name, node in functions.items()})} lines"
    yield f"parameters  {summary({name: parameters(node) for name, node in functions.items()})}"
    arrows = room_arrows(folder, trees)
    rooms = {room_of(path, folder) for path in trees} | {room for arrow in arrows for room in arrow}
    yield f"rooms       {len(rooms)}, {len(arrows)} arrows between them, {len(circles(arrows))} circles"
    for room in sorted(rooms) if list_arrows else ():
        yield f"  {room:12} {' '.join(sorted(other for first, other in arrows if first == room)) or '—'}"


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions_of(tree: ast.Module, module: str) -> dict[str, Function]:
    """Find all functions of a module, also those inside others, by module, line and name."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, Function))
    return {f"{module}:{node.lineno} {node.name}": node for node in nodes}


def length(function: Function) -> int:
    """Count a function's lines, its docstring among them, its decorators not."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters(function: Function) -> int:
    """Count a function's parameters, without `self` and `cls`."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    starred = [star for star in (arguments.vararg, arguments.kwarg) if star]
    return len([argument for argument in named if argument.arg not in ("self", "cls")]) + len(starred)


def count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def summary(sizes: dict[str, int]) -> str:
    """The number of things, and the median, the 90th percentile and the largest of their sizes."""
    ordered = sorted(sizes.values())
    largest = max(sizes, key=lambda name: sizes[name])
    p90 = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    return f"{len(ordered):5}: median {median(ordered):g}, p90 {p90}, largest {ordered[-1]} ({largest})"


def name_of(path: Path, folder: Path) -> str:
    return path.relative_to(folder / "polycap").as_posix()


def room_of(path: Path, folder: Path) -> str:
    return path.relative_to(folder / "polycap").parts[0].removesuffix(".py")


def room_arrows(folder: Path, trees: dict[Path, ast.Module]) -> Arrows:
    """Every (room, imported room), of the package and of the scripts."""
    known = {room_of(path, folder) for path in trees}
    found = {(room_of(path, folder), other) for path, tree in trees.items() for other in imported(tree, known)}
    scripts = (parse(path) for path in (folder / "scripts").rglob("*.py"))
    found |= {("scripts", other) for tree in scripts for other in imported(tree, known)}
    return {(room, other) for room, other in found if room != other}


def imported(tree: ast.Module, known: Iterable[str]) -> Iterator[str]:
    """Yield the rooms that a module imports; a name of `polycap` itself that is no room is of `__init__`."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module == "polycap":
            names = [f"polycap.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for top, _, rest in (name.partition(".") for name in names):
            if top == "polycap":
                room = rest.split(".")[0]
                yield room if room in known else "__init__"


def circles(arrows: Arrows) -> list[set[str]]:
    """Groups of rooms that import one another, directly or by way of others."""
    reached = {room: {other for first, other in arrows if first == room} for arrow in arrows for room in arrow}
    for through in reached:
        for others in reached.values():
            if through in others:
                others |= reached[through]
    groups: list[set[str]] = []
    for room, others in sorted(reached.items()):
        circle = {other for other in others if room in reached[other]}
        if room in others and circle not in groups:
            groups.append(circle)
    return groups


if __name__ == "__main__":
    main()
