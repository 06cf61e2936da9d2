"""Mutants of storage, packs and gates: `scripts/check --mutants [NUMBER]` tries a sample, by a fixed seed.

A mutant is a copy of the checkout with one small change of its code; the tests of its room must fail by it. The sample
ends after an hour. Survivors are printed with their change, and the share of those that were killed.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = {"files": "tests/files", "pack": "tests/pack", "translation/gates.py": "tests/translation/test_gates.py"}
"""Tests by the modules that they must notice changes of."""
LIMIT_S, TEST_S, LEAST = 3600.0, 300.0, 0.9
SEED, NUMBER = 0, 300
COPIED = ("polycap", "languages", "tests", "scripts", "pyproject.toml")
OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
}


class Mutator(ast.NodeTransformer):
    """Changes the place of a number, of those that can be changed; counts them."""

    def __init__(self, chosen: int = -1) -> None:
        self.chosen, self.count, self.change = chosen, 0, ""

    def _turn(self) -> bool:
        self.count += 1
        return self.count - 1 == self.chosen

    def _replace(self, old: ast.AST, new: ast.AST) -> ast.AST:
        line = getattr(old, "lineno", 0)
        self.change = f"line {line}: {ast.unparse(old)}  →  {ast.unparse(new)}"
        return ast.copy_location(new, old)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:  # the annotation stays
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if type(node.ops[0]) in OTHER and self._turn():
            ops = [OTHER[type(node.ops[0])](), *node.ops[1:]]
            return self._replace(node, ast.Compare(node.left, ops, node.comparators))
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        return self._replace(node, ast.BoolOp(OTHER[type(node.op)](), node.values)) if self._turn() else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if type(node.op) in OTHER and self._turn():
            return self._replace(node, ast.BinOp(node.left, OTHER[type(node.op)](), node.right))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return self._replace(node, node.operand) if isinstance(node.op, ast.Not) and self._turn() else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, int) and self._turn():
            value = not node.value if isinstance(node.value, bool) else node.value + 1
            return self._replace(node, ast.Constant(value))
        return node


def modules() -> Iterator[tuple[Path, str]]:
    """Yield each module to mutate, with its tests."""
    for name, tests in TESTS.items():
        place = ROOT / "polycap" / name
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            yield path.relative_to(ROOT), tests


def sample(number: int) -> list[tuple[Path, str, int]]:
    """Return modules, their tests and the places to change: a sample by the fixed seed."""
    places = []
    for path, tests in modules():
        counter = Mutator()
        counter.visit(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        places += [(path, tests, place) for place in range(counter.count)]
    return random.Random(SEED).sample(places, min(number, len(places)))


def is_killed(copy: Path, tests: str) -> bool:
    """Return whether the tests fail, or do not end."""
    command = [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=TEST_S, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def main(number: int) -> None:
    """Try the sample; the exit status is 1 if too many mutants survive, 2 if tests fail without any."""
    killed, survivors, end = 0, [], time.monotonic() + LIMIT_S
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        mutants = sample(number)
        for tests in sorted({tests for _, tests, _ in mutants}):
            if is_killed(copy, tests):
                print(f"scripts/check --mutants: {tests} fails, or takes too long, without a mutant", file=sys.stderr)
                raise SystemExit(2)
        for path, tests, place in mutants:
            if time.monotonic() > end:
                break
            text = (ROOT / path).read_text(encoding="utf-8")
            mutator = Mutator(place)
            (copy / path).write_text(ast.unparse(mutator.visit(ast.parse(text))), encoding="utf-8")
            if is_killed(copy, tests):
                killed += 1
            else:
                survivors.append(f"{path}: {mutator.change}")
                print(survivors[-1], flush=True)
            (copy / path).write_text(text, encoding="utf-8")
    tried = killed + len(survivors)
    print(f"{killed} of {tried} mutants killed ({killed / max(1, tried):.1%})")
    raise SystemExit(killed < LEAST * tried)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else NUMBER)
