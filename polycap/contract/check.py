"""`check_language` and `assert_language`: run all checks of a language folder."""

import os
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path

from polycap.contract.checks import (
    Skip,
    check_hook,
    check_metric,
    check_normalization,
    check_samples,
    check_script,
    check_tokenizer,
)
from polycap.contract.pack_check import check_pack
from polycap.contract.report import Check, LanguageReport
from polycap.errors import LanguageError
from polycap.language import Language, LanguageFault, Registry, read_language
from polycap.language.folder import folder_name
from polycap.language.hooks import forget_hooks

__all__ = ["assert_language", "check_language"]


def check_language(language: "str | PathLike[str] | Language", *, pack: bool = True) -> LanguageReport:
    """Run all checks of a language folder.

    Args:
        language: folder, code of a registered language, or loaded language.
        pack: whether to load the trained pack, if there is one, and write captions with it, which needs a runtime.
            (default: True)

    Returns:
        The report, which holds all faults of the folder.

    Raises:
        LanguageError: there is no such folder or code.
    """
    if isinstance(language, Language):
        return _check_folder(language.folder, language.code, pack=pack, installed=language.installed_pack)
    path = Path(language)
    if str(language) and os.path.isdir(path):  # noqa: PTH112  # path.is_dir() fails with too long a name
        return _check_folder(path, folder_name(path), pack=pack)
    if len(path.parts) > 1:
        raise LanguageError(f"{path}: no such folder; name a language folder, or a code of `polycap languages`")
    registry = Registry.discover()
    entries = [entry for entry in registry.entries if entry.code == str(language)]
    if not entries:
        code = registry.get(str(language)).code  # of another tag; or raises the error
        entries = [entry for entry in registry.entries if entry.code == code]
    broken = [entry for entry in entries if entry.faults]
    if broken:  # also by faults outside the folder, such as a duplicate code
        faults = tuple(fault for entry in broken for fault in entry.faults)
        return LanguageReport(broken[0].code, broken[0].folder, (Check("schema", faults),))
    installed = entries[0].language.installed_pack if entries[0].language else None
    return _check_folder(entries[0].folder, entries[0].code, pack=pack, installed=installed)


def assert_language(language: "str | PathLike[str] | Language", *, pack: bool = True) -> None:
    """Assert in a test that a language folder has no faults. For arguments see `check_language`.

    Raises:
        AssertionError: the folder has faults; the message lists all of them.
        LanguageError: there is no such folder or code.
    """
    report = check_language(language, pack=pack)
    if report.faults:
        raise AssertionError("\n".join(report.lines()))


def _check_folder(folder: Path, code: str, *, pack: bool, installed: Path | None = None) -> LanguageReport:
    forget_hooks()  # hooks.py may have been edited since it was loaded
    language, faults = read_language(folder, code=code)
    checks = [Check("schema", faults)]
    if language is not None:
        language = language.with_pack(installed)
        checks += [_run(name, check, language) for name, check in _CHECKS.items()]
        if language.status == "trained":
            checks.append(_run("pack", check_pack, language) if pack else Check("pack", skipped="not requested"))
    return LanguageReport(code, folder, tuple(checks))


def _run(name: str, check: Callable[[Language], Iterator[LanguageFault]], language: Language) -> Check:
    faults: list[LanguageFault] = []
    try:
        faults += check(language)
    except Skip as reason:
        return Check(name, skipped=str(reason))
    except LanguageError as error:  # hooks.py raised an error
        faults.append(LanguageFault(str(language.folder / "hooks.py"), str(error), "a working hook", "correct it"))
    return Check(name, tuple(faults))


_CHECKS = {
    "script": check_script,
    "samples": check_samples,
    "normalization": check_normalization,
    "tokenizer": check_tokenizer,
    "metric": check_metric,
    "hook": check_hook,
}
