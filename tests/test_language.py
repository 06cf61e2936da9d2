"""A language folder: read, validated, and every fault of it named at once."""

import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from polycap.errors import LanguageError
from polycap.language import Language
from polycap.language_folder import load_language, read_language

ENGLISH = Path(__file__).parent.parent / "languages" / "en"
MINIMAL = """
schema = 1
code = "xx"
name = "Example"
native_name = "Exemplum"
script = "Latn"
direction = "ltr"
"""


def make_folder(parent: Path, toml: str = MINIMAL, *, samples: str = "", hooks: str = "") -> Path:
    folder = parent / "xx"
    folder.mkdir()
    (folder / "language.toml").write_text(toml, encoding="utf-8")
    if samples:
        (folder / "samples.toml").write_text(samples, encoding="utf-8")
    if hooks:
        (folder / "hooks.py").write_text(hooks, encoding="utf-8")
    return folder


def faults_of(folder: Path) -> list[str]:
    language, faults = read_language(folder)
    assert language is None
    assert faults
    assert all("\n" not in str(fault) for fault in faults)
    return [str(fault) for fault in faults]


def test_english() -> None:
    english = load_language(ENGLISH)
    assert (english.code, english.direction, english.script) == ("en", "ltr", "Latn")
    assert english.tokenizer.vocab_size == 3000
    assert english.tokenizer.model_type == "unigram"
    assert english.translation.engine == "none"
    assert english.evaluation.sacrebleu_tokenizer == "13a"
    assert english.folder == ENGLISH
    assert english.pack_folder == ENGLISH / "pack"
    assert len(english.samples) == 5
    assert english.normalize("The dog's black-and-white ball.") == "the dogs black and white ball"
    assert english.normalize("The dog's ball.", raw=True) == "The dog's ball."


def test_six_facts_are_enough(tmp_path: Path) -> None:
    language = load_language(make_folder(tmp_path))
    assert language.samples == ()
    assert language.decoding.beam_width == 4
    assert language.decoding.length_penalty == 0.7
    assert (language.decoding.min_length, language.decoding.max_length) == (3, 24)
    assert language.decoding.no_repeat_ngram == 3


def test_a_pack_with_a_card_makes_it_trained(tmp_path: Path) -> None:
    language = load_language(make_folder(tmp_path))
    stages = [language.status]
    language.pack_folder.mkdir()
    stages.append(language.status)
    (language.pack_folder / "card.json").write_text("{}")
    assert [*stages, language.status] == ["untrained", "untrained", "trained"]


def test_immutable_and_picklable(tmp_path: Path) -> None:
    language = load_language(make_folder(tmp_path, samples='samples = ["a b"]'))
    with pytest.raises(ValidationError):
        language.code = "yy"
    copy = pickle.loads(pickle.dumps(language))
    assert copy == language
    assert copy.folder == language.folder
    assert copy.samples == ("a b",)


def test_every_fault_is_reported_at_once(tmp_path: Path) -> None:
    toml = """
    code = "Klingonisch"
    name = ""
    native_nam = "Exemplum"
    script = "latin"
    direction = "up"
    folder = "/"
    [text]
    lowercase = "yes"
    [tokenizer]
    vocab_size = "4000"
    character_coverage = nan
    vocabulary = 4
    [decoding]
    beam_width = 0
    """
    folder = make_folder(tmp_path, toml, samples='samples = ["", 3, "a dog"]\nsample = 1')
    with pytest.raises(LanguageError) as caught:
        load_language(folder)
    message = str(caught.value)
    assert "\n" not in message
    for key in (
        *("schema", "code", "name", "native_name", "native_nam", "script", "direction", "folder"),
        *("text.lowercase", "tokenizer.vocab_size", "tokenizer.character_coverage", "tokenizer.vocabulary"),
        "decoding.beam_width",
    ):
        assert f"{folder / 'language.toml'}:{key}: " in message
    for key in ("samples[0]", "samples[1]", "sample"):
        assert f"{folder / 'samples.toml'}:{key}: " in message
    assert "language.toml:native_nam: received an unknown key" in message
    assert "fix: write native_name, or remove it" in message
    assert "language.toml:schema: received nothing; allowed: 1; fix: add schema = …" in message
    assert "received '4000'; allowed: a whole number of pieces, 16 to 64000; fix: change vocab_size" in message


def test_code_is_the_folders_name(tmp_path: Path) -> None:
    folder = make_folder(tmp_path).rename(tmp_path / "yy")
    assert "code: received 'xx'; allowed: \"yy\"" in faults_of(folder)[0]
    assert read_language(folder, code="xx")[0] is not None  # found by an entry point's name


@pytest.mark.parametrize(
    "code", ["de", "pt-BR", "zh-Hant", "es-419", "gsw", "ca-valencia", "de-CH-1996", "en-x-pirate"]
)
def test_codes(tmp_path: Path, code: str) -> None:
    folder = make_folder(tmp_path, MINIMAL.replace('"xx"', f'"{code}"')).rename(tmp_path / code)
    assert load_language(folder).code == code


@pytest.mark.parametrize("code", ["EN", "pt_BR", "pt-br", "english", "e", "zh-hant", "de-", "d٣"])
def test_not_codes(tmp_path: Path, code: str) -> None:
    folder = make_folder(tmp_path, MINIMAL.replace('"xx"', f'"{code}"')).rename(tmp_path / code)
    assert "BCP 47" in faults_of(folder)[0]


def test_lengths_must_leave_room(tmp_path: Path) -> None:
    toml = MINIMAL + "[decoding]\nmin_length = 9\nmax_length = 8"
    assert faults_of(make_folder(tmp_path, toml))[0].endswith("fix: lower min_length or raise max_length")


@pytest.mark.parametrize(
    "content",
    [
        b"schema = ",
        b"\xff\xfe",
        b"a = " + b"[" * 100_000,
        b"",
        b"schema = 0x" + b"f" * 5000,
        MINIMAL.encode() + b"[tokenizer]\nvocab_size = 0x" + b"f" * 5000 + b"\ncharacter_coverage = 0x" + b"f" * 5000,
        b'"a\\nb" = 1',
        b"text = 3",
        b"text = [1]\ntokenizer = {}\nevaluation = 1979-05-27",
        b"schema_version = 1",
    ],
)
def test_broken_toml_is_a_fault(tmp_path: Path, content: bytes) -> None:
    folder = make_folder(tmp_path)
    (folder / "language.toml").write_bytes(content)
    assert "language.toml" in faults_of(folder)[0]


def test_missing_and_unreadable_files_are_faults(tmp_path: Path) -> None:
    assert "received no such file" in faults_of(tmp_path / "nowhere")[0]
    folder = make_folder(tmp_path)
    (folder / "language.toml").unlink()
    (folder / "language.toml").mkdir()
    assert "directory" in faults_of(folder)[0]


@pytest.mark.parametrize("samples", ["sample = []", "samples = 3", 'samples = {a = "b"}', "samples = [", "# none"])
def test_broken_samples_are_faults(tmp_path: Path, samples: str) -> None:
    assert "samples.toml" in faults_of(make_folder(tmp_path, samples=samples))[0]


def test_hook_comes_after_the_settings(tmp_path: Path) -> None:
    hooks = "def normalize(text):\n    return text.replace('dog', ' Chien! ')"
    language = load_language(make_folder(tmp_path, hooks=hooks))
    assert language.normalize("A DOG, here") == "a chien here"
    assert language.normalize("A dog, here", raw=True) == "A dog, here"
    assert not (language.folder / "__pycache__").exists()


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ("def normalize(text", "can't be loaded (SyntaxError"),
        ("import nowhere_to_be_found", "can't be loaded (ModuleNotFoundError"),
        ("normalise = str.lower", "has no function normalize"),
        ("def normalize(text): return 3", "returned a int"),
        ("def normalize(text): return text / 2", "failed (TypeError"),
    ],
)
def test_broken_hook_names_its_file(tmp_path: Path, hooks: str, message: str) -> None:
    language = load_language(make_folder(tmp_path, hooks=hooks))  # reading a folder runs nothing of it
    with pytest.raises(LanguageError) as caught:
        language.normalize("a")
    assert message in str(caught.value)
    assert str(language.folder / "hooks.py") in str(caught.value)


VALUES = st.one_of(
    *(st.sampled_from(['"en"', "1", "true", '"Latn"', '"ltr"', "[]", "{}", "-1", "nan", "1e400", "0x" + "f" * 4000]),),
    *(st.integers().map(str), st.floats().map(repr), st.text("ab\"'\\é \n", max_size=9)),
)
NAMES = [
    *Language.model_fields,
    "schema",
    "vocab_size",
    "beam_width",
    "lowercase",
    "samples",
    '"a.b"',
    "[text]",
    "x y",
]
LINES = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(lines=LINES, tables=st.lists(st.sampled_from(NAMES), max_size=3), noise=st.binary(max_size=4))
def test_no_content_makes_a_traceback(
    tmp_path: Path, lines: list[tuple[str, str]], tables: list[str], noise: bytes
) -> None:
    folder = tmp_path / "xx"
    folder.mkdir(exist_ok=True)
    text = "\n".join(f"{key} = {value}" for key, value in lines)
    content = "\n".join([text, *(f"[{table}]\n{text}" for table in tables)]).encode() + noise
    (folder / "language.toml").write_bytes(content)
    (folder / "samples.toml").write_bytes(content)
    faults_of(folder)
