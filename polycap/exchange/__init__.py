"""Packs as files: `write_pack_file` writes one, `install_pack` verifies and installs it, `uninstall_pack` undoes it."""

from polycap.exchange.install import InstalledPack, install_pack, uninstall_pack
from polycap.exchange.pack_file import PackFile, write_pack_file

__all__ = ["InstalledPack", "PackFile", "install_pack", "uninstall_pack", "write_pack_file"]
