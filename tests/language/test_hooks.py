"""Tests of polycap/language/hooks.py."""

from pathlib import Path

import pytest

from folders import make_folder
from polycap.errors import LanguageError
from polycap.language import load_language


def test_hook_comes_after_the_settings(tmp_path: Path) -> None:
    hooks = "def normalize(text):\n    return text.replace('dog', ' Chien! ')"
    language = load_language(make_folder(tmp_path, hooks=hooks))
    assert language.normalize("A DOG, here") == "a chien here"
    assert language.normalize("A dog, here", keep_case_and_punctuation=True) == "A dog, here"
    assert not (language.folder / "__pycache__").exists()


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ("def normalize(text", "can't be loaded (SyntaxError"),
        ("import nowhere_to_be_found", "can't be loaded (ModuleNotFoundError"),
        ("normalise = str.lower", "has no function normalize"),
        ("def normalize(text): return 3", "returned a int"),
        ("def normalize(text): return text / 2", "failed (TypeError"),
        ("def normalize(text): raise SystemExit", "failed (SystemExit"),
        ("raise SystemExit(0)", "can't be loaded (SystemExit: 0"),
        ("def normalize(text): raise ValueError('two\\nlines')", "failed (ValueError: two lines)"),
    ],
)
def test_broken_hook_names_its_file(tmp_path: Path, hooks: str, message: str) -> None:
    language = load_language(make_folder(tmp_path, hooks=hooks))  # reading a folder runs nothing of it
    with pytest.raises(LanguageError) as caught:
        language.normalize("a")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(language.folder / "hooks.py") in str(caught.value)
