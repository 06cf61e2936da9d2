"""Captions looked at by judges who don't know which pack wrote them, and their verdicts.

`photos` prints the photos: those of the dev split with the lowest SHA-256 of their names. `prepare` writes contact
sheets with the captions of several sets of packs under hidden numbers, and apart from them a key. A judge sees the
sheets alone and writes a file of verdicts: a number and right, detail (right but for a detail) or wrong on each line.
`record` adds them to scripts/looked_at.jsonl, `summary` counts them.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # by `python -P`, not even this folder is looked into

from looked_at_captions import choose_photos, read_set, shuffle_captions, to_key
from polycap.errors import PolycapError
from polycap.files import read_json, write_json, write_text

RECORD = Path(__file__).with_name("looked_at.jsonl")
VERDICTS = ("right", "detail", "wrong")
ITEM = ("photo", "language", "caption")
"""Keys of the lines of a sitting that are about one shown caption, which several packs may have written."""

Line = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except PolycapError as error:
        print(f"scripts/looked_at {options.command}: {error}", file=sys.stderr)
        raise SystemExit(1) from error


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="scripts/looked_at", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True)
    photos = commands.add_parser("photos", help="print the paths of the photos, to caption them")
    prepare = commands.add_parser("prepare", help="write contact sheets and their key")
    for command in (photos, prepare):
        command.add_argument("--data", type=Path, required=True, help="folder of the dataset")
        command.add_argument("--photos", type=int, default=30, help="number of photos (default: 30)")
    add = prepare.add_argument
    add("--packs", action="append", required=True, metavar="NAME=FOLDER", help=_PACKS)
    add("--languages", help="codes with commas between (default: those that all sets have)")
    add("--seed", type=int, default=0, help="seed of the hidden order (default: 0)")
    add("--out", type=Path, default=Path("looked-at"), help="folder of the sheets (default: looked-at)")
    add("--key", type=Path, help="file of the key; judges must not see it (default: OUT.key.json, beside OUT)")
    add("--per-sheet", type=int, default=3, help="photos per sheet (default: 3)")
    add("--browser", default="chromium", help="command that draws the sheets (default: chromium)")
    add("--html", action="store_true", help="write the sheets as HTML alone")
    record = commands.add_parser("record", help="add a judge's verdicts to the record")
    record.add_argument("verdicts", type=Path, help="file of verdicts; # begins a comment")
    record.add_argument("--key", type=Path, required=True, help="key of the sheets")
    record.add_argument("--judge", required=True, help="name of the judge")
    record.add_argument("--date", default=f"{datetime.now(UTC):%Y-%m-%d}", help="date of the sitting (default: today)")
    summary = commands.add_parser("summary", help="print shares of verdicts and the judges' agreement, as Markdown")
    summary.add_argument("--sitting", help="sitting to summarize (default: that of the last line)")
    for command in (record, summary):
        command.add_argument("--record", type=Path, default=RECORD, help=f"file (default: scripts/{RECORD.name})")
    for command, run in ((photos, _photos), (prepare, _prepare), (record, _record), (summary, _summary)):
        command.set_defaults(run=run)
    return parser


_PACKS = """set of packs: folder of rows of `polycap caption --json` (.json or .jsonl; packs.json may give the packs'
identities by language), or of packs as CODE or CODE/pack (repeatable)"""


def _photos(options: argparse.Namespace) -> None:
    for path in choose_photos(options.data, options.photos).values():
        print(path)


def _prepare(options: argparse.Namespace) -> None:
    from looked_at_sheets import write_sheets

    photos = choose_photos(options.data, options.photos)
    sets = [read_set(text, photos) for text in options.packs]
    shared = set.intersection(*({*one.captions} for one in sets))
    codes = options.languages.split(",") if options.languages else sorted(shared)
    shown = shuffle_captions(sets, photos, codes, options.seed)
    browser = None if options.html else options.browser
    sheets = write_sheets(options.out, shown, photos, per_sheet=options.per_sheet, browser=browser)
    key = options.key or options.out.with_name(f"{options.out.name}.key.json")
    write_json(key, to_key(shown))
    print(f"{len(shown)} captions on {len(sheets)} sheets in {options.out}; the key is {key}")


def _record(options: argparse.Namespace) -> None:
    key = read_json(options.key, PolycapError)
    verdicts = read_verdicts(options.verdicts, key["captions"])
    lines = read_record(options.record)
    if any((line["sitting"], line["judge"]) == (key["sitting"], options.judge) for line in lines):
        raise PolycapError(f"{options.record}: has {options.judge}'s verdicts of this sitting already")
    about = {"date": options.date, "judge": options.judge, "sitting": key["sitting"]}
    added = [
        {**about, "photo": item["photo"], "language": item["language"], "set": name, "pack": pack}
        | {"caption": item["caption"], "verdict": verdicts[number]}
        for number, item in key["captions"].items()
        for name, pack in item["packs"].items()
    ]
    texts = [json.dumps(line, ensure_ascii=False) + "\n" for line in (*lines, *added)]
    write_text(options.record, "".join(texts))
    print(f"{len(added)} lines added to {options.record}")


def read_verdicts(path: Path, captions: Iterable[str]) -> dict[str, str]:
    """Read a judge's file: one verdict for each number.

    Raises:
        PolycapError: the file can't be read; or a line is no verdict, a number is unknown, given twice or missing.
    """
    open_numbers, verdicts = set(captions), dict[str, str]()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PolycapError(f"{path}: can't be read ({error})") from error
    for place, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[1] not in VERDICTS:
            raise PolycapError(f"{path}:{place}: {line!r}; expected a number and {', '.join(VERDICTS)}")
        if words[0] not in open_numbers:
            reason = "has a verdict already" if words[0] in verdicts else "is on no sheet of this key"
            raise PolycapError(f"{path}:{place}: number {words[0]} {reason}")
        open_numbers.remove(words[0])
        verdicts[words[0]] = words[1]
    if open_numbers:
        missing = ", ".join(sorted(open_numbers, key=int)[:10])
        raise PolycapError(f"{path}: {len(open_numbers)} numbers have no verdict, first: {missing}")
    return verdicts


def read_record(path: Path) -> list[Line]:
    """Return the lines of the record; none if there is no such file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _summary(options: argparse.Namespace) -> None:
    lines = read_record(options.record)
    if not lines:
        raise PolycapError(f"{options.record}: has no verdicts; add some with `scripts/looked_at record`")
    sitting = options.sitting or lines[-1]["sitting"]
    chosen = [line for line in lines if line["sitting"] == sitting]
    if not chosen:
        known = ", ".join(dict.fromkeys(line["sitting"] for line in lines))
        raise PolycapError(f"{options.record}: has no sitting {sitting}; it has {known}")
    print("\n".join(summarize(chosen)))


def summarize(lines: Sequence[Line]) -> list[str]:
    """Return shares of verdicts by language and set of packs, and the agreement of judges, as lines of Markdown."""
    sets = sorted({line["set"] for line in lines})
    rows = [f"| language | {' | '.join(f'{name}: {verdict}' for name in sets for verdict in VERDICTS)} |"]
    rows.append("|---|" + "---|" * len(sets) * len(VERDICTS))
    for code in (*sorted({line["language"] for line in lines}), None):
        of_language = [line for line in lines if code in (None, line["language"])]
        shares = [share for name in sets for share in _shares([one for one in of_language if one["set"] == name])]
        rows.append(f"| {code or 'all'} | {' | '.join(f'{share:.0%}' for share in shares)} |")
    judges = dict.fromkeys(line["judge"] for line in lines)
    verdicts = {
        judge: {tuple(line[key] for key in ITEM): line["verdict"] for line in lines if line["judge"] == judge}
        for judge in judges
    }
    rows += ["", f"sitting {lines[0]['sitting']}, {lines[0]['date']}; judges: {', '.join(judges)}"]
    for first, second in combinations(judges, 2):
        both = verdicts[first].keys() & verdicts[second].keys()
        equal = sum(verdicts[first][item] == verdicts[second][item] for item in both)
        rows.append(
            f"{first} and {second}: the same verdict on {equal} of {len(both)} captions ({equal / len(both):.0%})"
        )
    return rows


def _shares(lines: Sequence[Line]) -> list[float]:
    """Return the share of each verdict; of no lines, zeros."""
    counts = Counter(line["verdict"] for line in lines)
    return [counts[verdict] / max(1, len(lines)) for verdict in VERDICTS]


if __name__ == "__main__":
    main()
