"""What `scripts/sweep` runs: trains recipes one after another, resumes what was stopped, prints their dev scores."""

import argparse
import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import polycap
from polycap.training.settings import parse_settings

RECIPES = Path(__file__).with_name("recipes.toml")


def main() -> None:
    """Parse, train, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the dataset's folder")
    parser.add_argument("--features", type=Path, default=Path("features"), help="what `polycap features` made")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="a run's folder per recipe")
    parser.add_argument("--language", default="en", help="of the dataset's captions")
    parser.add_argument("rows", nargs="*", help="recipes to train; all of them")
    arguments = parser.parse_args()
    recipes = tomllib.loads(RECIPES.read_text(encoding="utf-8"))
    unknown = [row for row in arguments.rows if row not in recipes]
    if unknown:
        parser.error(f"no recipe {unknown[0]!r} in {RECIPES.name}; there are {', '.join(recipes)}")
    rows = arguments.rows or list(recipes)
    for row in rows:
        train(recipes[row], arguments.out / row, arguments)
    print("| recipe | best epoch | dev BLEU-4 | minutes | |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row} | {result(arguments.out / row)} | {recipes[row]['about']} |")


def train(recipe: dict[str, Any], folder: Path, arguments: argparse.Namespace) -> None:
    """One run, as `polycap train` does it."""
    language = polycap.get_language(arguments.language)
    settings = parse_settings([f"{name}={value}" for name, value in recipe["settings"].items()], language)
    polycap.train_language(language, polycap.load_dataset(arguments.data), arguments.features, folder, settings)


def result(folder: Path) -> str:
    """The best epoch of teacher forcing, the score of the pack, and the epochs' minutes."""
    rows = [row for path in folder.glob("**/log.csv") for row in csv.DictReader(path.open(encoding="utf-8"))]
    minutes = sum(float(row["seconds"]) for row in rows) / 60
    learned = json.loads((folder / "pack" / "card.json").read_text(encoding="utf-8"))["training"]
    score = learned.get("dev BLEU-4", learned["best epoch's dev BLEU-4"])
    return f"{learned['best epoch']} | {score:.2f} | {minutes:.0f}"


if __name__ == "__main__":
    main()
