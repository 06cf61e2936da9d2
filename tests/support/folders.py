"""Helpers of the tests in tests/language."""

from pathlib import Path

MINIMAL = """
schema = 1
code = "qaa"
name = "Example"
native_name = "Exemplum"
script = "Latn"
direction = "ltr"
"""


def make_folder(parent: Path, toml: str = MINIMAL, *, samples: str = "", hooks: str = "") -> Path:
    folder = parent / "qaa"  # for private use
    folder.mkdir()
    (folder / "language.toml").write_text(toml, encoding="utf-8")
    if samples:
        (folder / "samples.toml").write_text(samples, encoding="utf-8")
    if hooks:
        (folder / "hooks.py").write_text(hooks, encoding="utf-8")
    return folder
