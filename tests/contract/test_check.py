"""Checks of the built-in languages, and of folders with each fault.

`pytest tests/contract/test_check.py --language de --language fr` checks these two languages' folders alone.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from language_folders import CHINESE, TURKISH, faults_of, make_folder, outcomes
from polycap.contract import assert_language, check_language
from polycap.contract.pack_check import _is_normal
from polycap.errors import LanguageError
from polycap.language import Registry, load_language
from polycap.text.tokenizer import Tokenizer


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


@pytest.mark.parametrize("name", ["qab", "", "engl", "qab\0", "a" * 300])
def test_an_unknown_code(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for check in (check_language, assert_language):
        with pytest.raises(LanguageError, match=r"unknown language .*; trained: .*\ben\b"):
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


def test_the_option_narrows_and_an_unknown_code_fails(tmp_path: Path) -> None:
    make_folder(tmp_path)
    make_folder(tmp_path, "qab", direction="rtl")
    make_folder(tmp_path, "qac", direction="up")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_check.py"]
    command += ["-k", "test_every_language_passes", *(f"--language={code}" for code in ("qaa", "qab", "qac", "qad"))]
    environment = {**os.environ, "POLYCAP_LANGUAGES": str(tmp_path)}
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert "3 failed, 1 passed" in done.stdout
    assert "direction: received 'rtl' for Latn" in done.stdout
    assert "direction: received 'up'" in done.stdout
    assert "unknown language 'qad'" in done.stdout
