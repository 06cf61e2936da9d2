"""Fixtures of the tests of polycap/translation."""

import pytest

from polycap.language import Language, load_language
from tiny import make_language


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Language:
    return load_language(make_language(tmp_path_factory.mktemp("languages")))
