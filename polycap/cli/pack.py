"""`polycap pack`, `polycap install` and `polycap uninstall`."""

from pathlib import Path
from typing import Annotated

import typer

from polycap.cli.options import AsJson, EncoderFolder, PackFolder
from polycap.cli.output import print_json, print_line, print_note, print_row
from polycap.errors import PolycapError

__all__ = ["install", "pack", "uninstall"]

LARGE = 4_000_000  # bytes; a larger pack file gets a note


def pack(
    code: Annotated[
        str | None, typer.Argument(help="Language.", show_default="with --index, the pack files that are there")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output file.", show_default="CODE.polycap")] = None,
    pack: PackFolder = None,
    encoder: EncoderFolder = None,
    index: Annotated[
        Path | None,
        typer.Option(help="Folder to write the file to, and index.json of all pack files there.", show_default="none"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a language's pack as one file, for `polycap install`. The same pack gives the same bytes."""
    if code is None and index is None:
        raise PolycapError("name a language, or with --index the folder of pack files")
    if code is not None:
        if index is not None:
            out = index / (out.name if out else f"{code}.polycap")
        _write_pack(code, out, pack, encoder, as_json=as_json and index is None)
    if index is not None:
        from polycap.pack.index import write_pack_index

        found = write_pack_index(index)
        if as_json:
            print_json([row.model_dump(mode="json") for row in found.packs])
        else:
            print_line(f"{index / 'index.json'}: {', '.join(row.code for row in found.packs)}")


def _write_pack(code: str, out: Path | None, pack: Path | None, encoder: Path | None, *, as_json: bool) -> None:
    from polycap.language import get_language
    from polycap.pack.pack_file import write_pack_file

    language = get_language(code)
    code = language.code
    pack_file = write_pack_file(language, out, pack=pack, encoder=encoder)
    row = {"language": code, "file": str(pack_file.path), "bytes": pack_file.size, "sha256": pack_file.sha256}
    if as_json:
        print_json(row)
    else:
        print_row(row)
    if pack_file.size > LARGE:
        print_note(f"{pack_file.path}: is larger than {LARGE / 1e6:.0f} MB; fewer units or pieces make it smaller")
    if pack_file.manifest.hooks:
        print_note(f"packs carry no code: whoever installs it needs a plugin with the hooks.py of {code}")


def install(
    source: Annotated[
        str, typer.Argument(help="Output file of `polycap pack`, its URL, or a code in the index POLYCAP_PACK_INDEX.")
    ],
    sha256: Annotated[
        str | None, typer.Option(help="Expected hash of the file.", show_default="the index's, else not checked")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another installed pack.")] = False,
    as_json: AsJson = False,
    encoder: EncoderFolder = None,
) -> None:
    """Verify a pack file and install it for its language. Nothing in it is executed."""
    from polycap.pack.install import install_pack

    installed = install_pack(source, sha256=sha256, force=force, encoder=encoder)
    if as_json:
        print_json(installed.to_json())
        return
    print_line(installed.folder)
    if not installed.changed:
        print_note(f"{installed.code}: this pack is installed already")


def uninstall(code: Annotated[str, typer.Argument(help="Language.")]) -> None:
    """Remove an installed pack. The pack of the language's folder, if there is one, is used again."""
    from polycap.pack.install import uninstall_pack

    print_line(uninstall_pack(code))
