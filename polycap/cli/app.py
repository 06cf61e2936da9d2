"""The commands, each under its name."""

from typing import Annotated

import typer

from polycap.cli.build import build, status
from polycap.cli.caption import caption
from polycap.cli.command import Command, doc_of
from polycap.cli.data import data_check, data_fetch
from polycap.cli.doctor import doctor
from polycap.cli.evaluate import evaluate
from polycap.cli.features import features
from polycap.cli.languages import check, list_languages, new
from polycap.cli.pack import install, pack, uninstall
from polycap.cli.quantize import quantize
from polycap.cli.serve import serve
from polycap.cli.train import train
from polycap.cli.translate import translate
from polycap.cli.tune_encoder import tune_encoder

__all__ = ["app"]

# without Rich, which takes [[captions]] for markup, and leaves no room for words in a narrow terminal
app = typer.Typer(
    help="Describe photos in your own language.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Look at a dataset, or download one.", no_args_is_help=True, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:
    if wanted:
        from polycap import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before a command."""


app.command("caption", cls=Command, help=doc_of(caption))(caption)
app.command("serve", cls=Command, help=doc_of(serve))(serve)
app.command("languages", cls=Command, help=doc_of(list_languages))(list_languages)
app.command("new", cls=Command, help=doc_of(new))(new)
app.command("check", cls=Command, help=doc_of(check))(check)
app.command("doctor", cls=Command, help=doc_of(doctor))(doctor)
app.command("build", cls=Command, help=doc_of(build))(build)
app.command("status", cls=Command, help=doc_of(status))(status)
app.command("evaluate", cls=Command, help=doc_of(evaluate))(evaluate)
app.command("pack", cls=Command, help=doc_of(pack))(pack)
app.command("install", cls=Command, help=doc_of(install))(install)
app.command("uninstall", cls=Command, help=doc_of(uninstall))(uninstall)
app.add_typer(data_app, name="data")
data_app.command("check", cls=Command, help=doc_of(data_check))(data_check)
data_app.command("fetch", cls=Command, help=doc_of(data_fetch))(data_fetch)
app.command("features", cls=Command, help=doc_of(features))(features)
app.command("quantize", cls=Command, help=doc_of(quantize))(quantize)
app.command("translate", cls=Command, help=doc_of(translate))(translate)
app.command("train", cls=Command, help=doc_of(train))(train)
app.command("tune-encoder", cls=Command, help=doc_of(tune_encoder))(tune_encoder)
