"""What every language must pass, and that the checks notice what they are for.

`pytest tests/test_contract.py --language de --language fr` checks these two languages' folders alone.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polycap.contract import Report, _is_normal, assert_language, check_language
from polycap.errors import EvaluationError, LanguageError
from polycap.language_folder import load_language
from polycap.registry import Registry
from polycap.tokenizer import Tokenizer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every language that is discovered as the tests are collected, or those that `--language` names."""
    if "discovered" in metafunc.fixturenames:
        entries = Registry.discover().entries
        codes = metafunc.config.getoption("--language") or dict.fromkeys(entry.code for entry in entries)
        found = [(code, [entry for entry in entries if entry.code == code]) for code in codes]
        metafunc.parametrize(("code", "discovered"), found, ids=codes)


def test_every_language_passes(code: str, discovered: list[Any]) -> None:
    if not discovered:
        Registry.discover().get(code)  # fails, and says which there are
    for entry in discovered:
        assert not entry.faults, "\n".join(map(str, entry.faults))
        assert_language(entry.language)


def test_there_are_languages_to_check() -> None:
    assert "en" in [entry.code for entry in Registry.discover().entries]


# --- folders ---

ENGLISH = [
    "A tabby cat is asleep on a warm windowsill.",
    "Two cyclists ride past a red-brick wall in the rain.",
    "An old man's hat has blown off, and a child runs after it.",
    "Three kayaks lie side by side on a pebble beach.",
    "A woman in a yellow coat is buying 7 oranges at a market stall.",
]
CHINESE = ["一只棕色的狗在草地上奔跑。", "两个孩子在公园里踢足球。", "穿红色外套的女人正在看书。"]
CHINESE += ["湖边停着三只小船。", "一位老人，在门前喝茶。"]
TURKISH = ["Kahverengi bir köpek çimlerin üzerinde koşuyor.", "İki çocuk parkta futbol oynuyor."]
TURKISH += ["Kırmızı paltolu bir kadın İzmir'de kitap okuyor.", "Gölün kıyısında üç kayık duruyor."]
TURKISH += ["Yaşlı bir adam IĞDIR’da çay içiyor."]


def make_folder(
    place: Path,
    code: str = "qaa",
    script: str = "Latn",
    direction: str = "ltr",
    *,
    samples: list[str] = ENGLISH,
    hooks: str = "",
    tables: str = "",
) -> Path:
    """A language folder that passes unless it is told otherwise."""
    folder = place / code
    folder.mkdir()
    facts = {"code": code, "name": "Example", "native_name": "Exemplum", "script": script, "direction": direction}
    lines = ["schema = 1", *(f"{key} = {json.dumps(value)}" for key, value in facts.items()), tables]
    (folder / "language.toml").write_text("\n".join(lines), encoding="utf-8")
    (folder / "samples.toml").write_text(f"samples = {json.dumps(samples, ensure_ascii=False)}", encoding="utf-8")
    if hooks:
        (folder / "hooks.py").write_text(hooks, encoding="utf-8")
    return folder


def outcomes(report: Report) -> dict[str, str]:
    return {check.name: check.outcome for check in report.checks}


def faults_of(folder: Path, *failed: str, pack: bool = False) -> list[str]:
    """What is wrong with a folder, which only the checks `failed` may find."""
    report = check_language(folder, pack=pack)
    assert {name for name, outcome in outcomes(report).items() if outcome == "failed"} == set(failed), report
    assert all(len(line.splitlines()) == 1 for line in report.lines())
    return [str(fault) for fault in report.faults]


# --- the report ---


def test_a_good_folder(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    report = check_language(folder)
    assert report.faults == ()
    assert outcomes(report) == {
        **dict.fromkeys(["schema", "script", "samples", "normalization", "tokenizer", "metric"], "ok"),
        "hook": "skipped",
    }
    assert list(report.lines()) == [
        f"qaa  {folder}",
        *(f"  ok       {name}" for name in ("schema", "script", "samples", "normalization", "tokenizer", "metric")),
        "  skipped  hook: there is no hooks.py",
    ]
    assert_language(folder)


def test_a_bad_folders_report(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, script="Arab", samples=["كلب بني يجري على العشب."] * 2)
    report = check_language(str(folder))
    lines = list(report.lines())
    assert "  failed   script" in lines
    assert "  skipped  tokenizer: needs the samples" in lines
    fault = lines[lines.index("  failed   script") + 1]
    assert fault == (
        f"           {folder}/language.toml:direction: received 'ltr' for Arab; allowed: 'rtl'; "
        'fix: write direction = "rtl"'
    )
    content = json.loads(json.dumps(report.to_json()))
    assert (content["code"], content["folder"], content["ok"]) == ("qaa", str(folder), False)
    assert [check["name"] for check in content["checks"] if check["outcome"] == "failed"] == ["script", "samples"]
    (fault,) = content["checks"][1]["faults"]
    assert fault == {
        "where": f"{folder}/language.toml:direction",
        "received": "'ltr' for Arab",
        "allowed": "'rtl'",
        "fix": 'write direction = "rtl"',
    }
    with pytest.raises(AssertionError, match=r"direction: received 'ltr' for Arab(.|\n)*3 more captions") as caught:
        assert_language(folder)
    assert str(caught.value).splitlines() == lines


def test_a_folder_that_cannot_be_read_fails_in_one_check(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, tables="[text]\nlower = true\n[tokenizer]\nvocab_size = 1")
    assert len(faults_of(folder, "schema")) == 2
    (tmp_path / "empty").mkdir()
    assert "no such file" in faults_of(tmp_path / "empty", "schema")[0]


# --- what is named: a folder, a code, a language ---


def test_a_language_that_is_loaded(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    language = load_language(folder)
    report = check_language(language)
    assert (report.code, report.folder, report.faults) == ("qaa", folder, ())
    (folder / "samples.toml").unlink()
    assert outcomes(check_language(language))["samples"] == "failed"  # as the folder is now


def test_codes_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "languages"
    place.mkdir()
    folder = make_folder(place)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(place))
    monkeypatch.chdir(tmp_path)
    assert check_language("qaa").folder == folder
    assert check_language("languages/qaa").folder == Path("languages/qaa")
    assert check_language(Path("languages") / "qaa").code == "qaa"
    monkeypatch.chdir(folder)
    assert check_language(".").code == "qaa"
    assert not check_language("../qaa").faults


@pytest.mark.parametrize("name", ["qab", "", "eng", "qab\0", "a" * 300])
def test_an_unknown_code(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for check in (check_language, assert_language):
        with pytest.raises(LanguageError, match=r"unknown language .*; available: .*\ben\b"):
            check(name)


@pytest.mark.parametrize("name", ["nowhere/qab", "/nowhere", "qaa/language.toml", "a/" + "b" * 300])
def test_an_unknown_folder(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LanguageError, match="no such folder"):
        check_language(name)


def test_broken_folders_by_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [tmp_path / name for name in "ab"]
    for place in places:
        place.mkdir()
    broken = make_folder(places[0], tables="[tokenizer]\nvocab_size = 1")
    twice = [make_folder(place, "qab") for place in places]
    users = make_folder(places[0], "en", tables="[tokenizer]\nvocab_size = 1")  # beside the built-in one
    monkeypatch.setenv("POLYCAP_LANGUAGES", os.pathsep.join(map(str, places)))
    for code, folder in (("qaa", broken), ("qab", twice[0]), ("en", users)):
        report = check_language(code, pack=False)
        assert (report.code, report.folder, outcomes(report)) == (code, folder, {"schema": "failed"})
        assert all(str(folder) in str(fault) for fault in report.faults[:1])
    assert len(check_language("qab").faults) == 2
    assert not check_language(twice[0]).faults  # taken alone


def test_the_code_is_the_folders_name(tmp_path: Path) -> None:
    folder = make_folder(tmp_path).rename(tmp_path / "qab")
    (fault,) = faults_of(folder, "schema")
    assert "language.toml:code: received 'qaa'; allowed: \"qab\"" in fault
    (tmp_path / "qaa").symlink_to(folder)
    assert faults_of(tmp_path / "qaa") == []  # a link goes by its own name


# --- script and samples ---


@pytest.mark.parametrize(
    ("code", "script", "direction", "samples", "words"),
    [
        ("qaa", "Latn", "rtl", ENGLISH, ":direction: received 'rtl' for Latn; allowed: 'ltr'"),
        ("qaa", "Qaaa", "ltr", ENGLISH, ":script: received 'Qaaa'; allowed: a script that Unicode has letters of"),
        ("qaa", "Zyyy", "ltr", ENGLISH, ":script: received 'Zyyy'"),
        ("zh-Hant", "Hans", "ltr", CHINESE, ":script: received 'Hans' for zh-Hant; allowed: 'Hant'"),
        ("qaa-Cyrl", "Latn", "ltr", ENGLISH, ":script: received 'Latn' for qaa-Cyrl; allowed: 'Cyrl'"),
    ],
)
def test_script(tmp_path: Path, code: str, script: str, direction: str, samples: list[str], words: str) -> None:
    tables = '[evaluation]\nsacrebleu_tokenizer = "zh"' if samples == CHINESE else ""
    folder = make_folder(tmp_path, code, script, direction, samples=samples, tables=tables)
    (fault,) = faults_of(folder, "script")
    assert f"language.toml{words}" in fault


@pytest.mark.parametrize("count", range(5))
def test_too_few_samples_are_one_fault(tmp_path: Path, count: int) -> None:
    folder = make_folder(tmp_path, samples=ENGLISH[:count], hooks="def normalize(text): return text")
    (fault,) = faults_of(folder, "samples")
    assert fault.endswith(f"write {5 - count} more captions as Exemplum writes them")
    assert outcomes(check_language(folder))["tokenizer"] == outcomes(check_language(folder))["metric"] == "skipped"
    (folder / "samples.toml").unlink()
    assert faults_of(folder, "samples")[0].endswith("write 5 more captions as Exemplum writes them")


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("Коричневый пёс бежит по траве.", "with 'Коричневыйпёсбжта'; allowed: letters of Latn"),
        ("Коричневый dog", "with 'Коричневый'"),
        ("42, 7!", "'42, 7!', without a letter"),
        ("🐕 ❤\ufe0f ⚽", "without a letter"),
        (ENGLISH[0], "allowed: another caption each"),
        ("a tabby CAT is asleep – on a warm windowsill", "allowed: another caption each"),
    ],
)
def test_samples(tmp_path: Path, sample: str, words: str) -> None:
    (fault,) = faults_of(make_folder(tmp_path, samples=[*ENGLISH, sample]), "samples")
    assert "samples.toml:samples[5]: received " in fault
    assert words in fault


def test_a_name_in_other_letters_may_stand_in_a_sample(tmp_path: Path) -> None:
    assert (
        faults_of(make_folder(tmp_path, samples=[*ENGLISH, "Two people under a large sign that says Кафе ☕."])) == []
    )


# --- normalisation ---


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('text.replace("e", "")', "samples[0]: received 'a tabby cat is aslp on a warm windowsill'"),
        ('text.replace("ß", "")', "2 letters vanish: ßẞ; allowed"),
        (
            'text.replace("ß", "ss").replace("ñ", "")',
            "2 letters vanish: Ññ; allowed",
        ),  # as many letters as before, in all
        ('"".join(c for c in text if c < "\\x7f")', " letters vanish: ÀÁÂÃÄ"),
        ('__import__("re").sub(r"[^a-z ]", "", text)', "'a woman in a yellow coat is buying oranges at a market st"),
        ('" ".join(sorted(text.split()))', "received 'a a asleep cat is"),
        ('text + " x"', "which becomes"),
        ('text.replace("cat", "black cat")', "which becomes"),
        ('""', "received ''; allowed: these letters"),
    ],
)
def test_a_hook_that_harms_the_text(tmp_path: Path, body: str, words: str) -> None:
    folder = make_folder(tmp_path, hooks=f"def normalize(text):\n    return {body}")
    report = check_language(folder)
    assert outcomes(report)["normalization"] == "failed"
    assert outcomes(report)["hook"] == "ok"  # pure it is
    assert words in "\n".join(report.lines())


@pytest.mark.parametrize(
    "hooks",
    [
        "def normalize(text): return text",
        "def normalize(text): return text.replace('ß', 'ss').replace('œ', 'oe')",  # more letters than before
        "def normalize(text): return ' '.join(text)",  # parts words: each letter is one
        "def normalize(text): return text.replace(' ', '  ') + ' . '",  # what the settings put right again
        "import functools\n@functools.cache\ndef normalize(text): return text.replace('ş', 'ș')",  # remembers, and may
        "import re\nmine = re.compile('x+')\ndef normalize(text):\n    import string\n    return mine.sub('x', text)",
        "def normalize(text):\n    with open(__file__) as me: me.read()\n    return text",
    ],
)
def test_hooks_that_are_fine(tmp_path: Path, hooks: str) -> None:
    report = check_language(make_folder(tmp_path, hooks=hooks))
    assert report.faults == ()
    assert outcomes(report)["hook"] == "ok"


def test_an_edited_hook_is_loaded_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, hooks="def normalize(text): return text.replace('e', '')")
    assert faults_of(folder, "normalization")
    (folder / "hooks.py").write_text("def normalize(text): return text")
    assert faults_of(folder) == []


def test_turkish_needs_its_casing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, "tr", samples=TURKISH)
    faults = faults_of(folder, "normalization")
    assert len(faults) == 2  # of the samples with İ
    assert "language.toml:text.casing: received 'i̇ki çocuk parkta" in faults[0]
    assert faults[0].endswith('fix: write casing = "turkic"')
    shutil.rmtree(folder)
    assert faults_of(make_folder(tmp_path, "tr", samples=TURKISH, tables='[text]\ncasing = "turkic"')) == []


# --- tokenizer and metric ---


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            "character_coverage = 0.98",
            "allowed: the same text again, without <unk>; fix: raise vocab_size or character",
        ),
        ("vocab_size = 16", "language.toml:tokenizer: received can't train a unigram tokenizer"),
        ('model_type = "char"\nvocab_size = 20', "fix: raise vocab_size or character_coverage"),
    ],
)
def test_tokenizer(tmp_path: Path, settings: str, words: str) -> None:
    faults = faults_of(make_folder(tmp_path, tables=f"[tokenizer]\n{settings}"), "tokenizer")
    assert words in "\n".join(faults)


def test_metric_of_an_unknown_name(tmp_path: Path) -> None:
    for code, name in (("qaa", "nonsense"), ("qab", "flores200")):  # the latter would download
        folder = make_folder(tmp_path, code, tables=f'[evaluation]\nsacrebleu_tokenizer = "{name}"')
        (fault,) = faults_of(folder, "metric")
        assert f"language.toml:evaluation.sacrebleu_tokenizer: received '{name}'; allowed: 13a, char, " in fault


def test_metric_that_sees_no_words(tmp_path: Path) -> None:
    (fault,) = faults_of(make_folder(tmp_path, "zh", "Hans", samples=CHINESE), "metric")
    assert "received 0.00 BLEU for the samples against themselves; allowed: 100" in fault
    assert "if '13a' sees no words in Exemplum" in fault


def test_metric_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> float:
        raise EvaluationError("tokenizer 'x' is not installed: pip install x")

    monkeypatch.setattr("polycap.contract.bleu", missing)
    report = check_language(make_folder(tmp_path))
    assert report.faults == ()
    assert "  skipped  metric: tokenizer 'x' is not installed: pip install x" in report.lines()


# --- hooks ---


@pytest.mark.parametrize(
    "hooks",
    [
        "import random\ndef normalize(text): return text + str(random.random())",
        "import uuid\ndef normalize(text): return text + uuid.uuid4().hex",
        "n = 0\ndef normalize(text):\n    global n\n    n += 1\n    return text + 'a' * n",
        "seen = []\ndef normalize(text):\n    seen.append(text)\n    return text * seen.count(text)",
        "import time\ndef normalize(text): return text + str(time.perf_counter_ns())",
    ],
)
def test_a_hook_that_depends_on_more_than_the_text(tmp_path: Path, hooks: str) -> None:
    folder = make_folder(tmp_path, hooks=hooks)
    report = check_language(folder)
    assert outcomes(report)["hook"] == "failed"
    line = next(line for line in report.lines() if f"{folder / 'hooks.py'}:normalize: received " in line)
    assert line.endswith("; allowed: the same each time; fix: let it depend on the text alone")


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ("def normalize(text): raise ValueError('no\\nway')", "failed (ValueError: no way)"),
        ("def normalize(text): raise SystemExit(0)", "failed (SystemExit: 0)"),
        ("def normalize(text): return None", "returned a NoneType; it must return a str"),
        ("def normalise(text): return text", "has no function normalize(text)"),
        ("def normalize(text)", "can't be loaded (SyntaxError: "),
        ("import sys\nsys.exit()", "can't be loaded (SystemExit:)"),
    ],
)
def test_a_hook_that_fails(tmp_path: Path, hooks: str, words: str) -> None:
    folder = make_folder(tmp_path, hooks=hooks)
    faults = faults_of(folder, "normalization", "tokenizer", "metric", "hook")
    assert all(words in fault and fault.startswith(f"{folder / 'hooks.py'}: ") for fault in faults)


# --- languages that should pass, each with what makes it hard ---

LANGUAGES = {
    "ja": ("Jpan", '[evaluation]\nsacrebleu_tokenizer = "ja-mecab"'),
    "ko": ("Kore", '[evaluation]\nsacrebleu_tokenizer = "ko-mecab"'),
    "zh-Hans": ("Hans", '[evaluation]\nsacrebleu_tokenizer = "zh"\n[tokenizer]\ncharacter_coverage = 0.9995'),
    "th": ("Thai", '[evaluation]\nsacrebleu_tokenizer = "char"'),
    "bo": ("Tibt", ""),
    "hi": ("Deva", ""),
    "bn": ("Beng", ""),
    "ar": ("Arab", '[text]\nstrip_tatweel = true\nstrip_vowel_points = true\ndigits = "ascii"'),
    "fa": ("Arab", ""),
    "ur": ("Aran", ""),
    "he": ("Hebr", '[text]\nkeep_in_words = "׳״"\nstrip_vowel_points = true'),
    "ff-Adlm": ("Adlm", ""),
    "tr": ("Latn", '[text]\ncasing = "turkic"\nkeep_in_words = "\'"'),
    "uk": ("Cyrl", '[text]\nkeep_in_words = "\'"'),
    "fr": ("Latn", '[text]\nkeep_in_words = "’"\nunicode_form = "NFKC"'),
    "ca": ("Latn", '[text]\nkeep_in_words = "\'·-"'),
    "vi": ("Latn", '[text]\nunicode_form = "NFD"'),
    "el": ("Grek", ""),
    "ka": ("Geor", ""),
    "am": ("Ethi", ""),
}
CAPTIONS = {
    "ja": [
        "茶色い犬が芝生の上を走っている。",
        "二人の子どもが公園でサッカーをしています。",
        "赤いコートの女性が本を読んでいる。",
        "湖のほとりに三艘の小舟が並ぶ。",
        "Tシャツを着た男性がラーメンを食べている。",
    ],
    "ko": [
        "갈색 개가 잔디밭 위를 달리고 있다.",
        "두 아이가 공원에서 축구를 한다.",
        "빨간 코트를 입은 여자가 벤치에 앉아 있다.",
        "호숫가에 작은 배 세 척이 있다.",
        "할아버지가 신문을 읽고 있습니다.",
    ],
    "zh-Hans": CHINESE,
    "th": [
        "สุนัขสีน้ำตาลวิ่งบนสนามหญ้า",
        "เด็กสองคนเล่นฟุตบอลในสวน",
        "ผู้หญิงใส่เสื้อแดงอ่านหนังสือ",
        "เรือสามลำจอดริมทะเลสาบ",
        "ชายชราเดินช้าๆ",
    ],
    "bo": [
        "ཁྱི་ཞིག་རྩྭ་ཐང་ལ་རྒྱུག་གི་འདུག།",
        "ཕྲུ་གུ་གཉིས་རྩེད་མོ་རྩེ་གི་འདུག།",
        "བུད་མེད་ཅིག་དཔེ་ཆ་ཀློག་གི་འདུག།",
        "གྲུ་གསུམ་མཚོ་འགྲམ་ལ་འདུག།",
        "རྒད་པོ་ཞིག་ཇ་འཐུང་གི་འདུག།",
    ],
    "hi": [
        "एक भूरा कुत्ता घास पर दौड़ रहा है।",
        "दो बच्चे पार्क में फुटबॉल खेल रहे हैं।",
        "लाल कोट पहने एक महिला किताब पढ़ रही है।",
        "झील के किनारे तीन नावें खड़ी हैं।",
        "एक बूढ़ा आदमी चाय पी रहा है।",
    ],
    "bn": [
        "একটি বাদামী কুকুর ঘাসের উপর দৌড়াচ্ছে।",
        "দুটি শিশু পার্কে ফুটবল খেলছে।",
        "লাল কোট পরা এক মহিলা বই পড়ছেন।",
        "হ্রদের ধারে তিনটি নৌকা।",
        "র\u200d্যাকেট হাতে এক বৃদ্ধ হাঁটছেন।",
    ],
    "ar": [
        "كلبٌ بنيّ يجري على العشب.",
        "طفلان يلعبان كرة القدم، ويضحكان.",
        "امرأة ترتدي معطفًا أحمر تقرأ كتابًا.",
        "٣ قوارب صغيرة على شاطئ البحيرة.",
        "رجـــل مسنّ يشرب الشاي؟",
    ],
    "fa": [
        "سگ قهوه\u200cای روی چمن می\u200cدود.",
        "دو کودک فوتبال بازی می\u200cکنند.",
        "زنی با کت قرمز کتاب می\u200cخواند.",
        "سه قایق کنار دریاچه ایستاده\u200cاند.",
        "پیرمردی ۲ چای می\u200cنوشد.",
    ],
    "ur": [
        "ایک بھورا کتا گھاس پر دوڑ رہا ہے۔",
        "دو بچے پارک میں کھیل رہے ہیں۔",
        "ایک عورت کتاب پڑھ رہی ہے۔",
        "جھیل کے کنارے تین کشتیاں ہیں۔",
        "ایک بوڑھا آدمی چائے پی رہا ہے۔",
    ],
    "he": [
        "כלב חום רץ על הדשא.",
        "שני ילדים משחקים כדורגל בפארק.",
        "אישה במעיל אדום קוראת ספר.",
        "צ׳ק של צה״ל על השולחן הגדול.",
        "שָׁלוֹשׁ סירות עומדות ליד־האגם.",
    ],
    "ff-Adlm": [
        "𞤘𞤮𞤲𞤣𞤭 𞤲𞤣𞤢 𞤸𞤵𞤣𞤮 𞤣𞤮𞤺𞥆𞤢",
        "𞤂𞤮𞤸 𞤫 𞤨𞤢𞤪𞤳 𞤥𞤢𞤱",
        "𞤁𞤫𞤦𞥆𞤮 𞤲𞤣𞤢 𞤣𞤫𞤬𞤼𞤫 𞤥𞤢",
        "𞤂𞤢𞥄𞤲𞤢 𞤼𞤢𞤼𞤭 𞤥𞤢𞤴𞤮 𞤣𞤮",
        "𞤐𞤣𞤮𞤼𞥆𞤭 𞤲𞤣𞤭𞤴𞤢𞤥 𞤴𞤢𞤪",
    ],
    "tr": TURKISH,
    "uk": [
        "Коричневий пес біжить по траві.",
        "Двоє дітей грають у м’яч у парку.",
        "Жінка в пальті читає об'яву.",
        "Три човни стоять на п\u02bcяти озерах.",
        "Старий чоловік п'є чай. ❤\ufe0f",
    ],
    "fr": [
        "Un chien brun court dans l’herbe.",
        "Deux enfants jouent au ballon aujourd'hui.",
        "Une femme lit près de l’eau.",
        "Trois barques sont amarrées là-bas.",
        "Un vieil homme boit son thé : « bon » …",
    ],
    "ca": [
        "Un gos marró corre per l'herba.",
        "Dos nens juguen amb una pilota al parc.",
        "Una dona mira una col·lecció d’art.",
        "Tres barques al llac, al mig-dia.",
        "Un home vell beu te.",
    ],
    "vi": [
        "Một con chó nâu chạy trên cỏ.",
        "Hai đứa trẻ chơi bóng trong công viên.",
        "Một người phụ nữ mặc áo đỏ đọc sách.",
        "Ba chiếc thuyền đậu bên hồ.",
        "Ông lão uống trà.",
    ],
    "el": [
        "Ένας καφέ σκύλος τρέχει στο γρασίδι.",
        "Δύο παιδιά παίζουν ποδόσφαιρο.",
        "ΜΙΑ ΓΥΝΑΙΚΑ ΔΙΑΒΑΖΕΙ ΕΝΑΣ ΒΙΒΛΙΟ.",
        "Τρεις βάρκες στέκονται δίπλα στη λίμνη.",
        "Ένας ηλικιωμένος πίνει τσάι · μόνος.",
    ],
    "ka": [
        "ყავისფერი ძაღლი მინდორზე გარბის.",
        "ორი ბავშვი პარკში თამაშობს.",
        "ქალი წიგნს კითხულობს ბაღში.",
        "ტბასთან სამი ნავი დგას.",
        "ᲛᲝᲮᲣᲪᲘ კაცი ჩაის სვამს.",
    ],
    "am": [
        "ቡናማ ውሻ በሣር ላይ ይሮጣል።",
        "ሁለት ልጆች በመናፈሻ ውስጥ ይጫወታሉ።",
        "ቀይ፡ካፖርት፡የለበሰች፡ሴት፡ታነባለች።",
        "ሦስት ጀልባዎች በሐይቅ ዳር ቆመዋል።",
        "አንድ ሽማግሌ ሻይ ይጠጣል።",
    ],
}


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_good_language_passes(tmp_path: Path, code: str) -> None:
    script, tables = LANGUAGES[code]
    direction = "rtl" if script in ("Arab", "Aran", "Hebr", "Adlm") else "ltr"
    folder = make_folder(tmp_path, code, script, direction, samples=CAPTIONS[code], tables=tables)
    assert_language(folder)
    skipped = {check.name for check in check_language(folder).checks if check.skipped}
    assert skipped - {"metric" if "mecab" in tables else ""} == {"hook"}
    language = load_language(folder)
    tokenizer = Tokenizer.train(map(language.normalize, language.samples), language.tokenizer)
    assert [piece for piece in tokenizer.pieces if not _is_normal(piece, language)] == []


# --- packs ---


def make_pack(folder: Path, texts: list[str]) -> None:
    """A pack with random weights and a tokenizer of these texts."""
    from tiny import make_card, make_decoder  # loads TensorFlow, which the contract of a language without pack spares

    from polycap.decoder.pack import named_weights, save_pack

    tokenizer = Tokenizer.train(texts, load_language(folder).tokenizer)
    decoder = make_decoder("merge", vocab_size=tokenizer.vocab_size)
    weights = {name: np.asarray(weight) for name, weight in named_weights(decoder).items()}
    save_pack(folder / "pack", make_card(decoder, tokenizer), weights, tokenizer, None)


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language with a pack; read-only."""
    tables = "[decoding]\nbeam_width = 2\nmax_length = 8"
    folder = make_folder(tmp_path_factory.mktemp("trained"), tables=tables)
    language = load_language(folder)
    make_pack(folder, [language.normalize(sample) for sample in ENGLISH])
    return folder


@pytest.fixture
def trained(trained_folder: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(trained_folder, tmp_path / "qaa")


def test_a_good_pack(trained: Path) -> None:
    assert outcomes(check_language(trained))["pack"] == "ok"
    report = check_language(trained, pack=False)
    assert "  skipped  pack: not asked for" in report.lines()


def test_a_pack_of_another_language(trained: Path) -> None:
    path = trained / "pack" / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "language": "qab"}))
    (fault,) = faults_of(trained, "pack", pack=True)
    assert fault.endswith("received a pack of qab; allowed: one of qaa; fix: train one with `polycap train qaa`")


@pytest.mark.parametrize("name", ["decoder.safetensors", "tokenizer.model", "card.json"])
def test_a_truncated_pack(trained: Path, name: str) -> None:
    path = trained / "pack" / name
    path.write_bytes(path.read_bytes()[:-9])
    (fault,) = faults_of(trained, "pack", pack=True)
    assert name in fault
    assert faults_of(trained) == []  # not asked for


def test_a_pack_whose_captions_are_not_normal(trained: Path) -> None:
    make_pack(trained, [sample.upper() for sample in ENGLISH])
    faults = faults_of(trained, "pack", pack=True)
    assert "the pack was trained with other settings" in faults[0]
    assert not faults[0].split("received '")[1].split("'")[0].islower()


@pytest.mark.parametrize("mark", ["’", "Q", "7"])
def test_a_pack_with_a_piece_that_is_not_normal(trained: Path, mark: str) -> None:
    """Which two captions need not show."""
    with (trained / "language.toml").open("a") as stream:
        stream.write('\n[text]\nstrip_tatweel = true\nkeep_in_words = "\'"')
    normal = [load_language(trained).normalize(sample) for sample in ENGLISH]
    make_pack(trained, [*normal, f"o{mark}clock", "o'clock"])
    if mark == "7":  # a digit is normal, and so is the apostrophe
        assert faults_of(trained, pack=True) == []
    else:
        assert mark in faults_of(trained, "pack", pack=True)[0]


# --- in other processes ---


def test_no_tensorflow_without_a_pack(trained: Path) -> None:
    code = "import sys; from polycap.contract import check_language; r = check_language(sys.argv[1], pack=False)\n"
    code += "assert not r.faults and not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, trained], check=True)


def test_the_option_narrows_and_an_unknown_code_fails(tmp_path: Path) -> None:
    make_folder(tmp_path)
    make_folder(tmp_path, "qab", direction="rtl")
    make_folder(tmp_path, "qac", direction="up")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_contract.py"]
    command += ["-k", "test_every_language_passes", *(f"--language={code}" for code in ("qaa", "qab", "qac", "qad"))]
    environment = {**os.environ, "POLYCAP_LANGUAGES": str(tmp_path)}
    root = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert "3 failed, 1 passed" in done.stdout
    assert "direction: received 'rtl' for Latn" in done.stdout
    assert "direction: received 'up'" in done.stdout
    assert "unknown language 'qad'" in done.stdout
