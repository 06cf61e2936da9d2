"""The commands, each under its name."""

import typer

from polycap.cli.data import data_check, data_fetch, make_features, quantize
from polycap.cli.exchange import install, pack, uninstall
from polycap.cli.languages import check, list_languages, new
from polycap.cli.making import build, status, train, translate
from polycap.cli.serving import serve
from polycap.cli.using import caption, evaluate

__all__ = ["app"]

app = typer.Typer(help="Describe photos in your own language.", no_args_is_help=True, pretty_exceptions_enable=False)
data_app = typer.Typer(help="Look at a dataset, or download one.", no_args_is_help=True)

app.command("caption")(caption)
app.command("serve")(serve)
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
app.command("quantize")(quantize)
app.command("translate")(translate)
app.command("train")(train)
