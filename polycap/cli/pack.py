"""Commands that hand packs on: one file out, one file in."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import AsJson, PackFolder, Weights
from polycap.cli.output import print_json, print_note, print_row

__all__ = ["install", "pack", "uninstall"]

LARGE = 12_000_000  # bytes: what a pack file should stay below


def pack(
    code: Annotated[str, typer.Argument(help="The language.")],
    out: Annotated[Path | None, typer.Option(help="The file; CODE.polycap unless given.")] = None,
    pack: PackFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write a language's pack as one file, for `polycap install`. The same pack gives the same bytes."""
    from polycap.language import get_language
    from polycap.pack.pack_file import write_pack_file

    written = write_pack_file(get_language(code), out, pack=pack)
    row = {"language": code, "file": str(written.path), "bytes": written.size, "sha256": written.sha256}
    if as_json:
        print_json(row)
    else:
        print_row(row)
    if written.size > LARGE:
        print_note(f"{written.path}: is larger than {LARGE / 1e6:.0f} MB; fewer units or pieces make it smaller")
    if written.manifest.hooks:
        print_note(f"packs carry no code: whoever installs it needs a plugin with the hooks.py of {code}")


def install(
    source: Annotated[str, typer.Argument(help="A file that `polycap pack` wrote, or its URL.")],
    sha256: Annotated[str | None, typer.Option(help="The file's hash, if it should be checked.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another pack that was installed.")] = False,
    as_json: AsJson = False,
    encoder_weights: Weights = None,
) -> None:
    """Verify a pack file and install it. Its language then captions with it; nothing in it is executed."""
    from polycap.pack.install import install_pack

    done = install_pack(source, sha256=sha256, force=force, encoder_weights=encoder_weights)
    if as_json:
        print_json(done.to_json())
        return
    typer.echo(done.folder)
    if not done.changed:
        print_note(f"{done.code}: this pack is installed already")


def uninstall(code: Annotated[str, typer.Argument(help="The language.")]) -> None:
    """Remove an installed pack. The pack of the language's own folder, if there is one, takes its place again."""
    from polycap.pack.install import uninstall_pack

    typer.echo(uninstall_pack(code))
