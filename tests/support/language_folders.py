"""Helpers of the tests in tests/contract."""

import json
from pathlib import Path

from polycap.contract import LanguageReport, check_language

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


def outcomes(report: LanguageReport) -> dict[str, str]:
    return {check.name: check.outcome for check in report.checks}


def faults_of(folder: Path, *failed: str, pack: bool = False) -> list[str]:
    """What is wrong with a folder, which only the checks `failed` may find."""
    report = check_language(folder, pack=pack)
    assert {name for name, outcome in outcomes(report).items() if outcome == "failed"} == set(failed), report
    assert all(len(line.splitlines()) == 1 for line in report.lines())
    return [str(fault) for fault in report.faults]
