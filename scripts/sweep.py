"""Comparison of a changed recipe with the base recipe, by language and seed: the table by which a change is kept.

Each recipe is trained for each language and seed as `polycap train` does it, in a folder of its own. A run that was
stopped, also by `kill -9`, is resumed; finished runs and scores are used again, also those of another comparison. Packs
that were trained otherwise are compared by --packs and --base-packs. Scores are those of `polycap evaluate`, from
features, on the dev split, against captions by people.
"""

import argparse
import os
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from polycap.errors import PolycapError
from polycap.files import digest, read_json, write_json, write_text

RECIPES = Path(__file__).with_name("recipes.toml")
LEAST_BLEU4 = 0.3
"""Mean rise of BLEU-4 of a change that is kept; mean CIDEr-D must not fall."""

ENCODER_VARIABLE = "POLYCAP_ENCODER"
ORIGIN = "human"


class Score(NamedTuple):
    """BLEU-4 and CIDEr-D on the dev split."""

    bleu4: float
    cider_d: float


@dataclass(frozen=True)
class Recipe:
    """Origin of packs.

    Attributes:
        settings: settings of `polycap train --set`, without the seed.
        features: folder of features, to train on and to score with.
        encoder: folder of the encoder that made the features. (default: the encoder in use)
        packs: path of packs or runs, with `{code}` and `{seed}` in it. (default: none, they are trained)
    """

    settings: tuple[str, ...]
    features: Path
    encoder: Path | None = None
    packs: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON-able values; paths as they were given."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


class Pair(NamedTuple):
    """Scores of a language and seed: of the base recipe, and of the changed one."""

    language: str
    seed: int
    base: Score
    changed: Score

    @property
    def difference(self) -> Score:
        """Changed less base, to four decimals, as scores are kept."""
        differences = (round(changed - base, 4) for base, changed in zip(self.base, self.changed, strict=True))
        return Score(*differences)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, score and print; write the table after each pair, so that an interrupted comparison shows what it has."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        recipes = tomllib.loads(RECIPES.read_text(encoding="utf-8"))
        base, changed = (_recipe(options, recipes, side) for side in ("base", "changed"))
        if base == changed:
            parser.error("both recipes are the same; name another by RECIPE, --set, --changed-features or --packs")
        _compare(options, base, changed)
    except PolycapError as error:
        print(f"scripts/sweep: {error}", file=sys.stderr)
        raise SystemExit(1) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/sweep", description=__doc__)
    add = parser.add_argument
    assignments: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME=VALUE"}
    add("recipe", nargs="?", help=f"changed recipe, of {RECIPES.name} (default: that of --base)")
    add("--set", dest="settings", **assignments, help="setting of the changed recipe, over RECIPE's (repeatable)")
    add("--base", help=f"base recipe, of {RECIPES.name} (default: the defaults of `polycap train`)")
    add("--base-set", **assignments, help="setting of the base recipe, over --base's (repeatable)")
    add("--data", type=Path, required=True, help="folder of the dataset")
    add("--captions", action="append", default=[], metavar="CODE=FILE[,origin=…][,weight=…]", help=_CAPTIONS)
    add("--features", type=Path, default=Path("features"), help="folder of `polycap features` (default: features)")
    add("--changed-features", type=Path, help="the same of the changed recipe (default: --features)")
    add("--encoder", type=Path, help="folder of the encoder that made the features (default: the encoder in use)")
    add("--changed-encoder", type=Path, help="the same of the changed recipe (default: --encoder)")
    add("--base-packs", metavar="PATH", help="the same as --packs for the base recipe (default: they are trained)")
    add("--packs", metavar="PATH", help=_PACKS)
    add("--languages", type=_listed, default="en,de,pt-BR", help="codes with commas between (default: en,de,pt-BR)")
    add("--seeds", type=_numbers, default="0,1", help="seeds with commas between (default: 0,1)")
    add("--runtime", help="runtime of the scores: openvino or keras (default: keras)", default="keras")
    add("--out", type=Path, default=Path("sweep"), help="folder of runs, scores and tables (default: sweep)")
    add("--name", help="name of the table's files, .md and .json, in --out (default: RECIPE, else changed)")
    return parser


_CAPTIONS = """captions of the dataset's photos in a language, to learn from; those by people are also the references
(repeatable; default: the language's [[captions]] files, else the dataset's captions)"""
_PACKS = """packs or runs of the changed recipe, with {code} and {seed} in the path, such as
tuned/{seed}/packs/{code} (default: they are trained)"""


def _listed(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _recipe(options: argparse.Namespace, recipes: dict[str, Any], side: str) -> Recipe:
    """Return the recipe of a side, base or changed."""
    is_base = side == "base"
    name = options.base if is_base else options.recipe or options.base
    if name is not None and name not in recipes:
        raise PolycapError(f"no recipe {name!r} in {RECIPES.name}; there are {', '.join(recipes)}")
    own = [f"{key}={value}" for key, value in recipes[name]["settings"].items()] if name else []
    if is_base:
        return Recipe((*own, *options.base_set), options.features, options.encoder, options.base_packs)
    return Recipe(
        (*own, *(() if options.recipe else options.base_set), *options.settings),
        options.changed_features or options.features,
        options.changed_encoder or options.encoder,
        options.packs,
    )


def _compare(options: argparse.Namespace, base: Recipe, changed: Recipe) -> None:
    seeds, codes = options.seeds, options.languages
    datasets = {code: _dataset(options, code) for code in codes}
    about = {"base": base.to_json(), "changed": changed.to_json()}
    place = options.out / (options.name or options.recipe or "changed")
    pairs: list[Pair] = []
    for seed in seeds:
        for code in codes:
            scores = [_score(options, recipe, code, seed, datasets[code]) for recipe in (base, changed)]
            pairs.append(Pair(code, seed, *scores))
            text, values = summarize(pairs, len(seeds) * len(codes))
            write_json(place.with_name(f"{place.name}.json"), about | values)
            write_text(place.with_name(f"{place.name}.md"), text)
    print(text, end="")


def summarize(pairs: Sequence[Pair], expected: int) -> tuple[str, dict[str, Any]]:
    """Return a table as Markdown and as JSON-able values.

    Args:
        pairs: scores, one pair at least.
        expected: number of pairs of the whole comparison; with fewer, nothing is said about keeping the change.
    """
    differences = [pair.difference for pair in pairs]
    rows = [_row(pair.language, str(pair.seed), pair.base, pair.changed, pair.difference) for pair in pairs]
    columns = zip(*((pair.base, pair.changed, pair.difference) for pair in pairs), strict=True)
    base, changed, mean = (_mean(scores) for scores in columns)
    kept = mean.bleu4 >= LEAST_BLEU4 and mean.cider_d >= 0 if len(pairs) == expected else None
    verdict = f"unfinished: {len(pairs)} of {expected} pairs" if kept is None else "kept" if kept else "not kept"
    rule = f"a change is kept if mean BLEU-4 rises by {LEAST_BLEU4} at least and mean CIDEr-D does not fall"
    header = "| language | seed | BLEU-4 base | changed | | CIDEr-D base | changed | |\n|" + "---|" * 8
    text = "\n".join([header, *rows, _row("mean", "", base, changed, mean), "", f"**{verdict}** ({rule})", ""])
    values = [
        {"language": pair.language, "seed": pair.seed}
        | {"base": pair.base._asdict(), "changed": pair.changed._asdict(), "difference": difference._asdict()}
        for pair, difference in zip(pairs, differences, strict=True)
    ]
    return text, {"pairs": values, "mean_difference": mean._asdict(), "kept": kept}


def _mean(scores: Sequence[Score]) -> Score:
    return Score(*(round(fmean(values), 4) for values in zip(*scores, strict=True)))


def _row(language: str, seed: str, base: Score, changed: Score, difference: Score) -> str:
    columns = [
        f"{base[index]:.{places}f} | {changed[index]:.{places}f} | {difference[index]:+.{places}f}"
        for index, places in enumerate((2, 1))
    ]
    return f"| {language} | {seed} | {' | '.join(columns)} |"


def _dataset(options: argparse.Namespace, code: str) -> Any:
    """Return the dataset with the captions of a language."""
    from polycap.dataset import CaptionSource, load_with_captions, sources_of
    from polycap.language import get_language

    given = [source for source in options.captions if source.startswith(f"{code}=")]
    sources = [CaptionSource.parse(source.partition("=")[2]) for source in given]
    return load_with_captions(options.data, sources or sources_of(get_language(code).caption_files(options.data)))[0]


def _score(options: argparse.Namespace, recipe: Recipe, code: str, seed: int, dataset: Any) -> Score:
    """Return the score of a recipe for a language and seed; train and evaluate only if that was not done before."""
    from polycap.captioning.options import CaptionerOptions
    from polycap.evaluation.languages import EvaluationOptions, evaluate_language
    from polycap.language import get_language
    from polycap.pack.card import card_hash, read_card

    with _encoder(recipe.encoder):
        pack = _pack(options.out, recipe, code, seed, dataset)
        language, card = get_language(code), read_card(pack)
        search = card.search_settings(language.decoding).model_dump()
        references = dataset.with_origin(ORIGIN).fingerprint()
        key = digest([card_hash(card), card.encoder, search, references, _identities(recipe.features), options.runtime])
        folder = options.out / "scores" / f"{code}-{seed}-{key}"
        if not (folder / "scores.json").is_file():  # it is written last
            print(f"scripts/sweep: scoring {pack}", file=sys.stderr)
            captioner = CaptionerOptions(pack=pack, runtime=options.runtime)
            how = EvaluationOptions(origin=ORIGIN, features=recipe.features, folder=folder, captioner=captioner)
            evaluate_language(language, dataset, how)
    scores = read_json(folder / "scores.json", PolycapError)
    return Score(scores["bleu4"], scores["cider_d"])


def _pack(out: Path, recipe: Recipe, code: str, seed: int, dataset: Any) -> Path:
    """Return the folder of the pack of a recipe; train it if there is none."""
    import polycap
    from polycap.training.settings import parse_settings

    if recipe.packs:
        folder = Path(recipe.packs.replace("{code}", code).replace("{seed}", str(seed)))
        return folder / "pack" if (folder / "pack").is_dir() else folder
    language = polycap.get_language(code)
    settings = parse_settings([*recipe.settings, f"seed={seed}"], language)
    key = digest([settings.model_dump(), dataset.fingerprint(), _identities(recipe.features), str(recipe.encoder)])
    folder = out / "runs" / f"{code}-{seed}-{key}"
    if (folder / "pack" / "card.json").is_file():  # it is written last
        return folder / "pack"
    print(f"scripts/sweep: training {folder}: {' '.join(recipe.settings) or 'defaults'}", file=sys.stderr)
    return polycap.train_language(language, dataset, recipe.features, folder, settings)


def _identities(features: Path) -> list[Any]:
    """Return the views of a folder of features, by the encoder and the PCA that made them."""
    from polycap.features.store import FeatureStore

    stores = [FeatureStore(path.parent) for path in sorted(features.glob("*/store.json"))]
    return [[store.encoder, store.pca, store.mirrored] for store in stores]


@contextmanager
def _encoder(folder: Path | None) -> Iterator[None]:
    """Let polycap use the encoder in a folder. (default: the encoder in use)"""
    before = os.environ.get(ENCODER_VARIABLE)
    if folder is not None:
        os.environ[ENCODER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(ENCODER_VARIABLE, None)
        else:
            os.environ[ENCODER_VARIABLE] = before


if __name__ == "__main__":
    main()
