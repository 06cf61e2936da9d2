"""Tests of polycap/translation/chain.py and of the choice of a chain."""

from collections.abc import Sequence

import pytest

from polycap.language import Language
from polycap.translation import choose
from polycap.translation.chain import ChainTranslator
from polycap.translation.choose import EngineChoice, choose_engine, choose_engine_from
from polycap.translation.engine import Translation
from translators import Book, Fake


def test_steps_follow_one_another_and_unknown_words_add_up() -> None:
    first = Book({"uno rojo": Translation("u rojo", -0.5, 1, ("rojo",)), "dos": Translation("dos", -1.0)})
    last = Book({"u rojo": Translation("uno rojo", -0.25, 1, ("rojo",)), "dos": Translation("<unk>", None, 1)})
    assert ChainTranslator([first, last]).translate(["uno rojo", "dos"]) == [
        Translation("uno rojo", -0.75, 1, ("rojo",)),
        Translation("<unk>", None, 1),
    ]


def test_a_word_that_only_the_first_step_misses_stays_unknown() -> None:
    first, last = Book({"a": Translation("b c", unknown=1, unknown_words=("c",))}), Book({"b c": Translation("d")})
    assert ChainTranslator([first, last]).translate(["a"]) == [Translation("d", None, 1, ("c",))]


def test_the_identity_says_the_whole_way() -> None:
    first, last = Fake(), Fake()
    first.identity, last.identity = "apertium/spa-cat@2", "apertium/cat-ita@1"
    assert ChainTranslator([first, last]).identity == "apertium/cat-ita@1<mt:apertium/spa-cat@2"


def test_a_wrong_number_reaches_the_caller() -> None:
    class Lazy(Fake):
        def translate(self, texts: Sequence[str]) -> list[Translation]:
            return super().translate(texts)[:-1]

    assert len(ChainTranslator([Lazy(), Fake()]).translate(["a", "b"])) == 1


def facts(language: Language, **values: object) -> Language:
    return language.model_copy(update={"translation": language.translation.model_copy(update=values)})


def test_the_folder_names_captions_and_a_chain(language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    chained = facts(language, engine="apertium", captions_of="es", source="spa", through=("cat",), target="ita")
    choice = choose_engine(chained)
    assert choice == EngineChoice("apertium", "spa", "ita", ("cat",))
    assert choice.pairs == [("spa", "cat"), ("cat", "ita")]
    assert choose_engine(facts(language, engine="apertium", captions_of="es")).source == "es"
    assert choose_engine(chained, source="eng") == EngineChoice("apertium", "eng", "ita")
    assert choose_engine(chained, "argos").through == ()
    opened: list[tuple[str, ...]] = []

    def open_translator(*names: str) -> Fake:
        opened.append(names)
        return Fake()

    monkeypatch.setattr(choose, "open_translator", open_translator)
    assert choice.open().identity == "fake/en_xx@1.0<mt:fake/en_xx@1.0"
    assert opened == [("apertium", "spa", "cat"), ("apertium", "cat", "ita")]


def test_another_source_has_its_own_code(language: Language) -> None:
    from polycap.language import get_language

    chained = facts(language, engine="apertium", captions_of="es", source="spa", through=("cat",), target="ita")
    assert choose_engine_from(chained, get_language("es")) == EngineChoice("apertium", "spa", "ita", ("cat",))
    assert choose_engine_from(chained, get_language("en")) == EngineChoice("apertium", "en", "ita")
