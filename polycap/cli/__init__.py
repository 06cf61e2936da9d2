"""The command line: parse, call, print. Results go to stdout, all else to stderr."""

import logging
import os
import sys

import typer

from polycap.cli.data import data_check, data_fetch, make_features
from polycap.cli.exchange import install, pack, uninstall
from polycap.cli.languages import check, list_languages, new
from polycap.cli.making import build, status, train, translate
from polycap.cli.using import caption, evaluate
from polycap.errors import PolycapError

__all__ = ["app", "main"]

app = typer.Typer(help="Describe photos in your own language.", no_args_is_help=True, pretty_exceptions_enable=False)
data_app = typer.Typer(help="Look at a dataset, or download one.", no_args_is_help=True)

app.command("caption")(caption)
app.command("languages")(list_languages)
app.command("new")(new)
app.command("check")(check)
app.command("build")(build)
app.command("status")(status)
app.command("evaluate")(evaluate)
app.command("pack")(pack)
app.command("install")(install)
app.command("uninstall")(uninstall)
app.add_typer(data_app, name="data")
data_app.command("check")(data_check)
data_app.command("fetch")(data_fetch)
app.command("features")(make_features)
app.command("translate")(translate)
app.command("train")(train)


def main() -> None:
    """Run the command line; polycap's own errors become one line and status 1."""
    logging.basicConfig(level=logging.WARNING, format="polycap: %(message)s", stream=sys.stderr)
    logging.getLogger("polycap").setLevel(logging.INFO)
    try:
        app()
    except PolycapError as error:
        sys.exit(f"polycap: {error}")
    except BrokenPipeError:  # the reader has seen enough, as in `polycap … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(f"polycap: {error.filename or ''}: {error.strerror or error}")
