"""Commands that make a language's pack, in steps or all at once."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.common import AsJson, Captions, Data, Origin, Weights, Work, read_dataset
from polycap.cli.output import print_json, print_scores
from polycap.errors import PolycapError
from polycap.extras import require_keras

__all__ = ["build", "status", "train", "translate"]


def translate(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Annotated[
        Path | None, typer.Option(help="The dataset's folder; without it, the package is installed and that is all.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the captions go; translations/CODE.jsonl.")] = None,
    engine: Annotated[str | None, typer.Option(help="An engine other than the language's own.")] = None,
    source: Annotated[str | None, typer.Option(help="The engine's code of the captions' language.")] = None,
    target: Annotated[str | None, typer.Option(help="The engine's code of this language.")] = None,
    package: Annotated[Path | None, typer.Option(help="Install this package (.argosmodel) before.")] = None,
    install: Annotated[bool, typer.Option("--install", help="Download and install the package before.")] = False,
    sample: Annotated[int, typer.Option(min=0, help="Print so many captions beside their translations.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Also write a page: a sample, and what was dropped.")] = None,
    as_json: AsJson = False,
) -> None:
    """Translate a dataset's captions into a language. Drops what is no good; resumes where it was stopped."""
    from polycap.registry import get_language
    from polycap.translation.choose import choose_engine
    from polycap.translation.report import sample_of, side_by_side, write_report
    from polycap.translation.translate import translate_captions

    language = get_language(code)
    choice = choose_engine(language, engine, source, target)
    if data is None and not (package or install):
        raise PolycapError("name the dataset with --data, or a package to install with --package or --install")
    choice.require()
    if package:
        choice.install_file(package)
    if install:
        choice.install_pair()
    if data is None:
        return
    dataset = read_dataset(data, [], None)
    done = translate_captions(dataset, language, choice.open(), out or Path("translations") / f"{language.code}.jsonl")
    pairs = sample_of(done, sample)
    if html:
        write_report(html, language, done, pairs or sample_of(done))
    if as_json:
        print_json({**done.to_json(), **({"sample": [pair.to_json() for pair in pairs]} if sample else {})})
    else:
        typer.echo("\n".join([*side_by_side(pairs), *done.lines()]))


def train(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="The run's folder; an unfinished run there is gone on with.")],
    features: Annotated[Path, typer.Option(help="What `polycap features` made.")] = Path("features"),
    captions: Captions = None,
    origin: Origin = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting, such as epochs=20 or kind=merge.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Begin with this pack's decoder, or, of other tokens, all but what is theirs."),
    ] = None,
    terms: Annotated[
        list[str] | None, typer.Option(help="The captions' terms, for the pack's card; may be given again.")
    ] = None,
) -> None:
    """Train a language's decoder and write its pack. Resumes where it was stopped."""
    from polycap.registry import get_language
    from polycap.training.settings import parse_settings

    require_keras("polycap train")
    language = get_language(code, mine=True)
    settings = parse_settings(setting or [], language)
    if not captions and any(source.translated for source in language.captions):
        raise PolycapError(
            f"{language.folder / 'language.toml'}:captions: some are to be translated first, as `polycap build {code}` "
            "does; or name all of them with --captions"
        )
    dataset = read_dataset(data, captions or [], origin, language)
    # mistakes are told before TensorFlow is loaded
    from polycap.features.prepare import open_features
    from polycap.staging import alone
    from polycap.training.inputs import TrainingInputs
    from polycap.training.run import train_decoder

    opened = open_features(features)
    inputs = TrainingInputs(language, dataset, opened.stores, opened.pca, start=start, terms=tuple(terms or ()))
    with alone(out, code):
        typer.echo(train_decoder(inputs, out, settings))


def build(
    code: Annotated[str, typer.Argument(help="The language.")],
    data: Annotated[Path | None, typer.Option(help="The dataset's folder; needed the first time.")] = None,
    captions: Captions = None,
    origin: Origin = None,
    work: Work = Path("work"),
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting, such as epochs=20 or kind=merge.")
    ] = None,
    components: Annotated[int | None, typer.Option(min=1, max=2048, help="The last cells' channels; 512.")] = None,
    mirrored: Annotated[bool | None, typer.Option(help="Train on a mirrored view, too; yes.")] = None,
    start: Annotated[
        str | None, typer.Option(help="A trained language, or a pack's folder, to begin with; '' for nothing.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run, and why.")] = False,
    as_json: AsJson = False,
    encoder_weights: Weights = None,
) -> None:
    """Make a language's pack, from photos and captions to scores. What has not changed is skipped.

    It can be killed at any point and goes on when called again. What is not given is as in the language's last build.
    """
    from polycap.build import build_language

    done = build_language(
        code,
        data=data,
        captions=captions or (),
        origin=origin,
        work=work,
        settings=setting or [],
        components=components,
        mirrored=mirrored,
        encoder_weights=encoder_weights,
        start=start,
        dry_run=dry_run,
        tell=lambda step: None if as_json else typer.echo(step.line()),
    )
    if as_json:
        print_json(done.to_json())
    elif done.scores is not None:
        print_scores(done.scores)
        typer.echo(done.pack)


def status(
    codes: Annotated[list[str] | None, typer.Argument(help="The languages; without any, all that exist.")] = None,
    work: Work = Path("work"),
    as_json: AsJson = False,
) -> None:
    """Say what has been built of each language. What is stale is named, and why."""
    from polycap.build import language_status

    found = language_status(codes or [], work=work)
    if as_json:
        print_json([language.to_json() for language in found])
    else:
        typer.echo("\n".join(line for language in found for line in language.lines()))
