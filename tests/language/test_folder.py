"""Tests of polycap/language/folder.py."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from folders import MINIMAL, make_folder
from polycap.contract import check_language
from polycap.errors import LanguageError, TrainingError
from polycap.language import load_language, read_language
from polycap.language.settings import DecoderOverrides
from polycap.text.settings import TokenizerSettings
from polycap.text.tokenizer import Tokenizer
from polycap.training.settings import TrainingSettings, parse_settings

TRANSLATION = '[translation]\nengine = "argos"\n'

# --- [decoder]: the recipe's exceptions ---

BOUNDS = {"units": (1, 8192), "embedding": (1, 8192), "epochs": (1, 10**6), "max_tokens": (1, 512)}

# --- whatever stands in the two files, there are faults or a language, and never a traceback ---

FACTS: dict[str, Any] = {
    "schema": 1,
    "code": "qaa",
    "name": "Example",
    "native_name": "Exemplum",
    "script": "Latn",
    "direction": "ltr",
    "translation": {"engine": "argos", "source": "en", "target": "xx"},
    "text": {
        "unicode_form": "NFC",
        "lowercase": True,
        "casing": "turkic",
        "strip_punctuation": True,
        "keep_in_words": "'",
        "strip_tatweel": True,
        "strip_vowel_points": True,
        "digits": "ascii",
    },
    "tokenizer": {"model_type": "bpe", "vocab_size": 90, "character_coverage": 1.0},
    "decoder": {"units": 64, "output_dropout": 0.5, "kind": "merge"},
    "evaluation": {"sacrebleu_tokenizer": "13a"},
    "decoding": {"beam_width": 4, "length_penalty": 0.6, "max_length": 24, "min_length": 6, "no_repeat_ngram": 3},
}
SAMPLES = [
    "A tabby cat is asleep on a warm windowsill.",
    "Two cyclists ride past a red-brick wall.",
    "An old man's hat has blown off.",
    "Three kayaks lie side by side on a beach.",
    "A woman is buying 3 oranges at a stall.",
]
PATHS = [(key,) for key in FACTS] + [(k, n) for k, table in FACTS.items() if isinstance(table, dict) for n in table]
FRESH = [("text", "keep"), ("decoder", "epochs"), ("decoder", "max_tokens"), ("samples",), ("a.b",), ("hooks", "c\n")]
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "▁", "<s> </s> <unk>", "狗在草地上奔跑", "कुत्ता", "كلبٌ يجري", "İki", "!?", "a\u0000b", "ʼ", "❤️"]
    ),
    st.sampled_from(SAMPLES),
)
WORDS = [
    *("NFKD", "unigram", "char", "word", "merge", "default", "ascii", "keep", "'·-", "none", "captions", "rtl"),
    *("zh", "char", "intl", "ja-mecab", "spm", "flores200", "nonsense", "argos", "13a"),
    *("Arab", "Hans", "Jpan", "Zyyy", "Qaaa", "Deva", "latn", "en", "zh-Hant", "tl", "pt-br", "x-a", "und", "qaa-Cyrl"),
]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.sampled_from(WORDS),
        TEXTS,
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.integers(0, 600),
        st.floats(),
        st.sampled_from([0.0, 0.5, 0.98, 0.9995, 1, 1.0]),
    ),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=2),
    max_leaves=4,
)
PLAUSIBLE: list[tuple[tuple[str, ...], list[Any]]] = [
    (("script",), ["Latn", "Arab", "Grek", "Deva", "Zyyy", "Qaaa", "Latf"]),
    (("direction",), ["ltr", "rtl"]),
    (("text", "unicode_form"), ["NFC", "NFD", "NFKC", "NFKD"]),
    (("text", "casing"), ["default", "turkic"]),
    (("text", "lowercase"), [True, False]),
    (("text", "strip_punctuation"), [True, False]),
    (("text", "keep_in_words"), ["", "-", "’·", "'.-"]),
    (("tokenizer", "model_type"), ["unigram", "bpe", "char", "word"]),
    (("tokenizer", "vocab_size"), [16, 24, 33, 60, 3000, 3500]),
    (("tokenizer", "character_coverage"), [0.98, 0.9995, 1, 1.0]),
    (("evaluation", "sacrebleu_tokenizer"), ["13a", "zh", "char", "intl", "none", "spm", "nonsense"]),
    (("decoder", "units"), [1, 8192]),
    (("decoding", "max_length"), [6, 512]),
    *[((table,), [{}]) for table in ("translation", "text", "tokenizer", "decoder", "evaluation", "decoding")],
]
WILD = st.tuples(st.sampled_from([*PATHS, *FRESH]), st.one_of(st.just("drop"), VALUES.map(lambda value: [value])))
MILD = st.sampled_from([(path, [value]) for path, values in PLAUSIBLE for value in values])
CHANGES = st.one_of(st.lists(MILD, max_size=4), st.lists(MILD | WILD, max_size=4))
CAPTIONS = TEXTS.filter(lambda text: bool(text.strip()))
SAMPLE_LISTS = st.one_of(
    st.just(SAMPLES),
    st.lists(CAPTIONS, max_size=7),
    st.lists(CAPTIONS, max_size=2).map(lambda texts: [*SAMPLES, *texts]),
    VALUES,
)
NOISE = st.sampled_from([b""] * 24 + [b"[", b"\n[text]\n", b"\n[[text]]\n", b" = 1", b"\xff", b"\x00", b"\xef\xbb\xbf"])


OFTEN = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=1000
)


def faults_of(folder: Path) -> list[str]:
    language, faults = read_language(folder)
    assert language is None
    assert faults
    assert all("\n" not in str(fault) for fault in faults)
    return [str(fault) for fault in faults]


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
    vocab_size = "3000"
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
    assert "received '3000'; allowed: a whole number of pieces, 16 to 3500; fix: change vocab_size" in message


def test_code_is_the_folders_name(tmp_path: Path) -> None:
    folder = make_folder(tmp_path).rename(tmp_path / "yy")
    assert "code: received 'qaa'; allowed: \"yy\"" in faults_of(folder)[0]
    assert read_language(folder, code="qaa")[0] is not None  # found by an entry point's name


@pytest.mark.parametrize(
    "code",
    [
        *("de", "pt-BR", "zh-Hant", "es-419", "gsw", "ca-valencia", "de-CH-1996", "en-x-pirate"),
        *("fil", "he", "yue", "sr-Latn", "qaa", "qaa-x-mine", "x-mine", "nb", "no"),
    ],
)
def test_codes(tmp_path: Path, code: str) -> None:
    folder = make_folder(tmp_path, MINIMAL.replace('"qaa"', f'"{code}"')).rename(tmp_path / code)
    assert load_language(folder).code == code


@pytest.mark.parametrize(
    "code",
    ["english", "e", "de-", "d٣", "es-٤١٩", "xx", "de-WX", "zh-Xxxx", "de-nonsense", "en\n", " en", "a" * 300, ""],
)
def test_not_codes(tmp_path: Path, code: str) -> None:
    folder = make_folder(tmp_path, MINIMAL.replace('"qaa"', json.dumps(code)))
    fault = next(fault for fault in faults_of(folder) if "BCP 47" in fault)
    assert fault.endswith("fix: change code")


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        *(("tl", "fil"), ("iw", "he"), ("in", "id"), ("mo", "ro"), ("sh", "sr-Latn")),  # withdrawn
        *(("pt-br", "pt-BR"), ("zh-hant", "zh-Hant"), ("DE", "de"), ("pt_BR", "pt-BR")),  # spelt otherwise
        *(("deu", "de"), ("eng-US", "en-US"), ("zh-cmn", "zh"), ("zh-yue", "yue")),  # longer than need be
        *(("en-Latn", "en"), ("ar-Arab", "ar"), ("ja-Jpan", "ja")),  # a script that goes without saying
        *(("en-UK", "en-GB"), ("i-klingon", "tlh"), ("sgn-UK", "bfi")),  # the last by way of sgn-GB
    ],
)
def test_codes_have_one_spelling(tmp_path: Path, code: str, canonical: str) -> None:
    folder = make_folder(tmp_path, MINIMAL.replace('"qaa"', f'"{code}"')).rename(tmp_path / "folder")
    (fault,) = [str(fault) for fault in read_language(folder, code=code)[1]]
    assert f"language.toml:code: received '{code}'; allowed: a BCP 47 tag in its canonical spelling" in fault
    assert fault.endswith(f'fix: write "{canonical}"')
    (folder / "language.toml").write_text(MINIMAL.replace('"qaa"', f'"{canonical}"'), encoding="utf-8")
    assert read_language(folder, code=canonical)[1] == ()  # the fix is one


@pytest.mark.parametrize("script", ["latn", "Latin", "Xxxx", "LATN", "Lat", "", "Latn-US", "Latn\n", "Dеva"])
def test_not_scripts(tmp_path: Path, script: str) -> None:
    folder = make_folder(tmp_path, MINIMAL.replace('"Latn"', json.dumps(script)))
    assert [fault for fault in faults_of(folder) if "script: received" in fault and "ISO 15924" in fault]


def test_sources_of_captions(tmp_path: Path) -> None:
    tables = '[[captions]]\ntranslated = true\nweight = 0.5\n[[captions]]\nfile = "d/e.txt"\norigin = "human-revised"\n'
    translation, people = load_language(make_folder(tmp_path, MINIMAL + TRANSLATION + tables)).captions
    assert (translation.translated, translation.file, translation.weight) == (True, None, 0.5)
    assert (people.translated, people.file, people.origin, people.weight) == (False, "d/e.txt", "human-revised", 1.0)


@pytest.mark.parametrize(
    ("table", "where", "words"),
    [
        (
            'file = "/e.txt"',
            "[0].file",
            "allowed: a caption file in this folder or in the dataset's",
        ),
        ('file = "../e.txt"', "[0].file", "fix: put the file there, and write its name alone"),
        ("file = 'a\\..\\..\\e.txt'", "[0].file", "put the file there"),
        ('file = "C:e.txt"', "[0].file", "put the file there"),
        ('file = "a\\u0000"', "[0].file", "put the file there"),
        ('file = ""', "[0].file", "received ''"),
        ("file = 3", "[0].file", "received 3"),
        ('file = "e.txt"\nweight = 0', "[0].weight", "received 0; allowed: a number above 0"),
        ('file = "e.txt"\nweight = inf', "[0].weight", "a number above 0"),
        ('file = "e.txt"\norigin = "a b"', "[0].origin", "received 'a b'"),
        ('file = "e.txt"\nwieght = 1', "[0].wieght", "fix: write weight, or remove it"),
        ("weight = 1", "[0]", "received neither file nor translated"),
        ('file = "e.txt"\ntranslated = true', "[0]", "received file and translated"),
        ("translated = true", "[0]", 'received translated = true with [translation] engine = "none"'),
        (f'translated = true\norigin = "human"\n{TRANSLATION}', "[0]", "fix: remove origin"),
        (f"translated = true\n[[captions]]\ntranslated = true\n{TRANSLATION}", "[1]", "a second time"),
    ],
)
def test_sources_of_captions_that_are_not_allowed(tmp_path: Path, table: str, where: str, words: str) -> None:
    (fault,) = faults_of(make_folder(tmp_path, f"{MINIMAL}[[captions]]\n{table}\n"))
    assert f"language.toml:captions{where}: " in fault
    assert words in fault


@pytest.mark.parametrize(("value", "where"), [("3", ""), ('["e.txt"]', "[0]"), ('{file = "e.txt"}', "")])
def test_sources_of_captions_are_an_array_of_tables(tmp_path: Path, value: str, where: str) -> None:
    (fault,) = faults_of(make_folder(tmp_path, f"{MINIMAL}captions = {value}\n"))
    assert f"language.toml:captions{where}: received " in fault
    assert "allowed: tables, [[captions]]; fix: change captions" in fault


def test_a_trusted_folder_is_taken_at_its_word_on_registered_codes_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, MINIMAL.replace('"qaa"', '"xx"').replace('"Latn"', '"Xxxx"')).rename(tmp_path / "xx")
    assert read_language(folder, trusted=True)[0] is not None
    assert len(faults_of(folder)) == 2
    (folder / "language.toml").write_text(MINIMAL.replace('"Latn"', '"latin"'), encoding="utf-8")
    assert len(read_language(folder, trusted=True)[1]) == 2  # no script at all, and another folder's code


def test_a_link_goes_by_its_own_name(tmp_path: Path) -> None:
    folder = make_folder(tmp_path).rename(tmp_path / "somewhere")
    (tmp_path / "qaa").symlink_to(folder)
    assert load_language(tmp_path / "qaa").code == "qaa"
    assert "rename the folder" in faults_of(folder)[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("native_name", " a"),
        ("native_name", "a\x7fb"),
        ("text.keep_in_words", "a"),
        ("text.digits", "arabic"),
        ("text.strip_tatweel", 1),
        ("tokenizer.character_coverage", 0.97),  # SentencePiece takes no less than 0.98
        ("decoder.kind", "transformer"),
        ("decoder.units", 0),
        ("decoder.output_dropout", 1.0),
        ("decoder.max_tokens", 513),
        ("translation.source", ""),
        ("evaluation.sacrebleu_tokenizer", "13A"),
    ],
)
def test_values_that_are_not_allowed(tmp_path: Path, key: str, value: object) -> None:
    table, _, name = key.rpartition(".")
    toml = (
        MINIMAL + f"[{table}]\n{name} = {json.dumps(value)}"
        if table
        else re.sub(f"(?m)^{name} = .*", lambda _: f"{name} = {json.dumps(value)}", MINIMAL)
    )
    (fault,) = faults_of(make_folder(tmp_path, toml))
    assert f"language.toml:{key}: received {value!r}; allowed: " in fault
    assert fault.endswith(f"fix: change {name}")


def test_the_tokenizer_takes_what_the_table_allows() -> None:
    settings = TokenizerSettings(character_coverage=0.98)
    assert Tokenizer.train(["a b", "b a"], settings).encode("a b")


def test_what_a_folder_may_override_is_a_setting() -> None:
    assert set(DecoderOverrides.model_fields) <= set(TrainingSettings.model_fields)


@pytest.mark.parametrize("name", DecoderOverrides.model_fields)
def test_what_the_folder_allows_training_takes(name: str) -> None:
    if name == "kind":
        values: tuple[Any, ...] = ("attention", "merge")
    else:
        values = BOUNDS.get(name, (0.0, 0.999))
    for value in values:
        given = DecoderOverrides.model_validate({name: value}).given()
        assert given == {name: value}
        assert getattr(TrainingSettings.model_validate(given), name) == value


@pytest.mark.parametrize("name", DecoderOverrides.model_fields)
def test_what_training_refuses_the_folder_refuses(name: str) -> None:
    for value in ("rnn",) if name == "kind" else (0, -1) if name in BOUNDS else (1.0, -0.1, float("nan")):
        for model in (TrainingSettings, DecoderOverrides):
            if (model, name, value) == (TrainingSettings, "epochs", 0):
                continue  # a run may only go on from a pack; a folder says how to learn from nothing, too
            with pytest.raises(ValidationError):
                model.model_validate({name: value})


def test_the_command_line_comes_before_the_folder_and_that_before_the_recipe(tmp_path: Path) -> None:
    toml = MINIMAL + "[decoder]\nunits = 64\nepochs = 7\noutput_dropout = 0.0"
    language = load_language(make_folder(tmp_path, toml))
    settings = parse_settings(["epochs=9", "seed=3"], language)
    assert (settings.epochs, settings.seed) == (9, 3)  # the command line's
    assert (settings.units, settings.output_dropout) == (64, 0.0)  # the folder's
    assert settings.embedding == TrainingSettings().embedding  # the recipe's
    assert parse_settings([], language).epochs == 7
    assert parse_settings(["epochs=9", "epochs=10"], language).epochs == 10
    assert parse_settings([]) == TrainingSettings()
    with pytest.raises(TrainingError, match="epochs=-1"):
        parse_settings(["epochs=-1"], language)


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


def to_toml(value: Any) -> str:
    """Return a value as TOML, with inline tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{to_toml(key)} = {to_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value).lower()


def changed(facts: dict[str, Any], changes: list[tuple[tuple[str, ...], Any]]) -> str:
    """Return the facts as a file, with some keys removed or changed."""
    facts = json.loads(json.dumps(facts))
    for (*parents, key), change in changes:
        table = facts
        for parent in parents:
            table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            continue
        if change == "drop":
            table.pop(key, None)
        else:
            table[key] = change[0]
    return "".join(f"{to_toml(key)} = {to_toml(value)}\n" for key, value in facts.items())


def check_without_traceback(folder: Path) -> bool:
    """Read and check a folder; return whether it passed."""
    language, faults = read_language(folder)
    assert (language is None) == bool(faults)
    report = check_language(folder, pack=False)
    assert [str(fault) for fault in report.checks[0].faults] == list(map(str, faults))
    for line in report.lines():
        assert len(line.splitlines()) == 1, line
    json.dumps(report.to_json())
    return not report.faults


@settings(OFTEN, max_examples=300)
@given(changes=CHANGES, samples=SAMPLE_LISTS, noise=NOISE, sample_noise=NOISE)
def test_no_change_of_a_good_folder_makes_a_traceback(
    tmp_path: Path, changes: list[Any], samples: Any, noise: bytes, sample_noise: bytes
) -> None:
    folder = tmp_path / "qaa"
    folder.mkdir(exist_ok=True)
    (folder / "language.toml").write_bytes(changed(FACTS, changes).encode() + noise)
    (folder / "samples.toml").write_bytes(f"samples = {to_toml(samples)}\n".encode() + sample_noise)
    passed = check_without_traceback(folder)
    assert passed or changes or samples != SAMPLES or noise or sample_noise


@settings(OFTEN, max_examples=300)
@given(
    content=st.one_of(st.binary(max_size=60), st.text(alphabet="ab\"'\\=[]{}.,#\n 1-_é", max_size=60).map(str.encode))
)
def test_no_content_makes_a_traceback(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "qaa"
    folder.mkdir(exist_ok=True)
    (folder / "language.toml").write_bytes(content)
    (folder / "samples.toml").write_bytes(content)
    assert not check_without_traceback(folder)


@pytest.mark.parametrize("key", ["a." * 1_100 + "a = 1", f"a = {'[' * 2_000}", "a." * 20_000 + "a = 1"])
def test_hostile_toml_is_one_fault(tmp_path: Path, key: str) -> None:
    (tmp_path / "language.toml").write_text(key, encoding="utf-8")

    language, faults = read_language(tmp_path)

    assert language is None
    assert "more than 16" in str(faults[0])
