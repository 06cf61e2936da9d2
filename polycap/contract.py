"""What every language folder must pass: `check_language`, for whoever writes one, and for polycap's own.

In a plugin's tests::

    from polycap.contract import assert_language

    def test_my_language():
        assert_language("languages/gsw")        # a folder, or a code in reach
"""

import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from polycap.errors import CaptionRuntimeError, EvaluationError, LanguageError, PolycapError, TokenizerError
from polycap.language import Language, forget_hooks, load_hook
from polycap.language_folder import LanguageFault, folder_name, read_language
from polycap.metrics import bleu, known_tokenizers
from polycap.registry import Registry
from polycap.script import direction_of, is_letter, is_script, letters_of, outsiders, share_in_script
from polycap.text import EMOJI_MARKS, normalize_text
from polycap.tokenizer import UNK, Tokenizer

__all__ = ["Check", "Report", "assert_language", "check_language"]

SAMPLES = 5
IN_SCRIPT = 0.8  # the share of a sample's letters: a name in other letters may stand in it
_SPACE, _SPECIAL_PIECES = "▁", ("<pad>", "<unk>", "<s>", "</s>")  # as SentencePiece writes them


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what is wrong with it, or why it was not looked at."""

    name: str
    faults: tuple[LanguageFault, ...] = ()
    skipped: str = ""

    @property
    def outcome(self) -> str:
        """ "ok", "failed" or "skipped"."""
        return "failed" if self.faults else "skipped" if self.skipped else "ok"


@dataclass(frozen=True)
class Report:
    """What the checks of one folder found."""

    code: str
    folder: Path
    checks: tuple[Check, ...] = field(default=())

    @property
    def faults(self) -> tuple[LanguageFault, ...]:
        """All that is wrong; empty if the folder passes."""
        return tuple(fault for check in self.checks for fault in check.faults)

    def lines(self) -> Iterator[str]:
        """The report for people, a line per check and per fault."""
        yield f"{self.code}  {self.folder}"
        for check in self.checks:
            yield f"  {check.outcome:8} {check.name}" + (f": {check.skipped}" if check.skipped else "")
            yield from (f"           {fault}" for fault in check.faults)

    def to_json(self) -> dict[str, Any]:
        """The report for machines."""
        checks = [
            {"name": c.name, "outcome": c.outcome, "skipped": c.skipped, "faults": [vars(f) for f in c.faults]}
            for c in self.checks
        ]
        return {"code": self.code, "folder": str(self.folder), "ok": not self.faults, "checks": checks}


def check_language(language: "str | PathLike[str] | Language", *, pack: bool = True) -> Report:
    """Check a language folder against all that polycap expects of one.

    Args:
        language: a folder, a code in reach of the registry, or a language that is loaded already.
        pack: load the trained pack, if there is one, and let it write a caption; this takes a runtime.

    Raises:
        LanguageError: there is no such folder or code. What is wrong *in* a folder is in the report.
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
        registry.get(str(language))  # says what there is
    broken = [entry for entry in entries if entry.faults]
    if broken:  # a duplicate is no fault of the folder alone
        faults = tuple(fault for entry in broken for fault in entry.faults)
        return Report(broken[0].code, broken[0].folder, (Check("schema", faults),))
    installed = entries[0].language.installed_pack if entries[0].language else None
    return _check_folder(entries[0].folder, entries[0].code, pack=pack, installed=installed)


def assert_language(language: "str | PathLike[str] | Language", *, pack: bool = True) -> None:
    """For a test of a language folder: pass, or name every fault.

    Raises:
        AssertionError: the folder has faults.
        LanguageError: there is no such folder or code.
    """
    report = check_language(language, pack=pack)
    if report.faults:
        raise AssertionError("\n".join(report.lines()))


def _check_folder(folder: Path, code: str, *, pack: bool, installed: Path | None = None) -> Report:
    forget_hooks()  # this folder's may have been edited since
    language, faults = read_language(folder, code=code)
    checks = [Check("schema", faults)]
    if language is not None:
        language._installed_pack = installed
        checks += [_run(name, check, language) for name, check in _CHECKS.items()]
        if language.status == "trained":
            checks.append(_run("pack", _check_pack, language) if pack else Check("pack", skipped="not asked for"))
    return Report(code, folder, tuple(checks))


class _Skip(Exception):  # noqa: N818  # no error: it says why a check can't be made
    """Why a check can't be made."""


def _run(name: str, check: Callable[[Language], Iterator[LanguageFault]], language: Language) -> Check:
    faults: list[LanguageFault] = []
    try:
        faults += check(language)
    except _Skip as reason:
        return Check(name, skipped=str(reason))
    except LanguageError as error:  # a hook that fails
        faults.append(LanguageFault(str(language.folder / "hooks.py"), str(error), "a working hook", "correct it"))
    return Check(name, tuple(faults))


def _toml(language: Language, key: str) -> str:
    return f"{language.folder / 'language.toml'}:{key}"


def _sample(language: Language, index: int) -> str:
    return f"{language.folder / 'samples.toml'}:samples[{index}]"


def _normal_samples(language: Language) -> list[str]:
    if len(language.samples) < SAMPLES:
        raise _Skip("needs the samples")
    return [language.normalize(sample) for sample in language.samples]


def _check_script(language: Language) -> Iterator[LanguageFault]:
    import langcodes

    where, declared = _toml(language, "script"), langcodes.get(language.code).script
    if declared not in (None, language.script):
        received = f"{language.script!r} for {language.code}"
        yield LanguageFault(where, received, repr(declared), f'write script = "{declared}"')
    elif not is_script(language.script):
        yield LanguageFault(where, repr(language.script), "a script that Unicode has letters of", "change script")
    elif language.direction != direction_of(language.script):
        right = direction_of(language.script)
        received = f"{language.direction!r} for {language.script}"
        yield LanguageFault(_toml(language, "direction"), received, repr(right), f'write direction = "{right}"')


def _check_samples(language: Language) -> Iterator[LanguageFault]:
    count = len(language.samples)
    if count < SAMPLES:
        where = f"{language.folder / 'samples.toml'}:samples"
        fix = f"write {SAMPLES - count} more captions as {language.native_name} writes them"
        yield LanguageFault(where, f"{count} captions", f"at least {SAMPLES}", fix)
    plain = [normalize_text(sample, language.text) for sample in language.samples]
    for index, sample in enumerate(language.samples):
        if plain[index] in plain[:index]:
            yield LanguageFault(_sample(language, index), repr(sample), "another caption each", "write another one")
        if is_script(language.script) and share_in_script(sample, language.script) < IN_SCRIPT:
            others = outsiders(sample, language.script)[:20]
            received = f"{sample!r}, with {others!r}" if others else f"{sample!r}, without a letter"
            fix = "write it in that script, or correct script in language.toml"
            yield LanguageFault(_sample(language, index), received, f"letters of {language.script}", fix)


def _check_normalization(language: Language) -> Iterator[LanguageFault]:
    """Twice is once, and no letter is lost: of the samples none changes, of the script's others none vanishes."""
    fix = "change the [text] table or hooks.py"
    for index, sample in enumerate(language.samples):
        once = language.normalize(sample)
        if language.normalize(once) != once:
            received = f"{once!r}, which becomes {language.normalize(once)!r}"
            yield LanguageFault(_sample(language, index), received, "a text that stays as it is", fix)
        if "İ" in unicodedata.normalize("NFC", sample) and "i\u0307" in once:
            received, fix_casing = f"{once!r}, where İ has become two letters", 'write casing = "turkic"'
            yield LanguageFault(_toml(language, "text.casing"), received, "i for İ, and ı for I", fix_casing)
        expected = _letters(_without_stripping(language, sample))
        if _letters(once) != expected:
            yield LanguageFault(_sample(language, index), repr(once), f"these letters: {expected!r}", fix)
    lost = _lost_letters(language) if is_script(language.script) else ""
    if lost:
        shown = lost[:20] + ("…" if len(lost) > 20 else "")
        yield LanguageFault(_toml(language, "text"), f"{len(lost)} letters vanish: {shown}", "none to vanish", fix)


def _without_stripping(language: Language, text: str) -> str:
    """`text` after those settings that change letters because the folder says so: its form, case, digits."""
    return normalize_text(text, language.text.model_copy(update={"strip_punctuation": False}))


def _letters(text: str) -> str:
    return "".join(c for c in text if (is_letter(c) or c.isdecimal()) and c not in EMOJI_MARKS)


def _lost_letters(language: Language) -> str:
    """The letters and marks of the script that normalising takes away, each tried within a word."""
    alphabet = list(letters_of(language.script))
    base = next((c for c in alphabet if unicodedata.category(c)[0] == "L"), "")
    words = [base + letter + base for letter in alphabet]

    def lost(normal: str, plain: str) -> bool:
        return normal != plain and len(_letters(normal)) < len(_letters(plain))

    # all at once first, as some scripts have ten thousands
    text = " ".join(words)
    normals, plains = language.normalize(text).split(), _without_stripping(language, text).split()
    if len(normals) != len(words):  # a hook that parts words otherwise
        normals = [language.normalize(word) for word in words]
    return "".join(c for c, normal, plain in zip(alphabet, normals, plains, strict=True) if lost(normal, plain))


def _check_tokenizer(language: Language) -> Iterator[LanguageFault]:
    texts, where = _normal_samples(language), _toml(language, "tokenizer")
    fix = "raise vocab_size or character_coverage"
    try:
        tokenizer = Tokenizer.train(texts, language.tokenizer)
    except TokenizerError as error:
        yield LanguageFault(where, str(error), "settings that the samples can be learned with", fix)
        return
    for index, text in enumerate(texts):
        ids = tokenizer.encode(text)
        if UNK in ids or tokenizer.decode(ids) != text:
            received = f"{tokenizer.decode(ids)!r} for {text!r}"
            yield LanguageFault(_sample(language, index), received, "the same text again, without <unk>", fix)


def _check_metric(language: Language) -> Iterator[LanguageFault]:
    name, where = language.evaluation.sacrebleu_tokenizer, _toml(language, "evaluation.sacrebleu_tokenizer")
    if name not in known_tokenizers():
        yield LanguageFault(where, repr(name), ", ".join(known_tokenizers()), "change sacrebleu_tokenizer")
        return
    texts = _normal_samples(language)
    try:
        score = bleu(texts, [[text] for text in texts], tokenizer=name)
    except EvaluationError as error:
        raise _Skip(str(error)) from error
    if abs(score - 100) > 1e-6:  # without a sample of four words
        received = f"{score:.2f} BLEU for the samples against themselves"
        fix = f"change it, if {name!r} sees no words in {language.native_name}; else write longer samples"
        yield LanguageFault(where, received, "100", fix)


def _check_hook(language: Language) -> Iterator[LanguageFault]:
    """Call the hook twice for each sample, and compare what it returns."""
    hook = load_hook(language.folder)
    if hook is None:
        raise _Skip("there is no hooks.py")
    where, fix = f"{language.folder / 'hooks.py'}:normalize", "let it depend on the text alone"
    texts = [normalize_text(sample, language.text) for sample in language.samples]
    first, second = [hook(text) for text in texts], [hook(text) for text in texts]
    for text, one, other in zip(texts, first, second, strict=True):
        if one != other:
            yield LanguageFault(where, f"{one!r} and then {other!r} for {text!r}", "the same each time", fix)


def _check_pack(language: Language) -> Iterator[LanguageFault]:
    import numpy as np

    from polycap.decoder.pack import load_pack
    from polycap.runtime.choose import open_runtime

    where = str(language.pack_folder)
    try:
        pack = load_pack(language.pack_folder)
        search = open_runtime().search(pack, language.decoding)
    except CaptionRuntimeError as error:
        raise _Skip(str(error)) from error
    except PolycapError as error:
        yield LanguageFault(where, str(error), "a whole pack", "install or train it again")
        return
    if pack.card.language != language.code:
        received = f"a pack of {pack.card.language}"
        yield LanguageFault(
            where, received, f"one of {language.code}", f"train one with `polycap train {language.code}`"
        )
    shape = (2, pack.card.decoder.cells, pack.card.decoder.channels)
    features = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = search.find(features)
    captions = [" ".join(pack.tokenizer.decode(ids).split()) for ids in found.token_ids[:, 0]]
    if not all(captions):
        yield LanguageFault(where, "an empty caption", "a caption", "train it again")
    # Noise may be described with an apostrophe at a word's end: only letters count. Two captions show little of a
    # vocabulary: its pieces count, too.
    strange = [caption for caption in captions if _letters(language.normalize(caption)) != _letters(caption)]
    for text in strange or [piece for piece in pack.tokenizer.pieces if not _is_normal(piece, language)][:1]:
        allowed = "what [text] leaves of a caption: the pack was trained with other settings"
        yield LanguageFault(where, repr(text), allowed, "train it again, or restore language.toml")


def _is_normal(piece: str, language: Language) -> bool:
    """Whether a piece of SentencePiece's can come from normalised text, within some word."""
    if piece in _SPECIAL_PIECES:
        return True
    word = unicodedata.normalize(language.text.unicode_form, f"a{piece.replace(_SPACE, ' ')}a")
    return normalize_text(word, language.text) == " ".join(word.split())


_CHECKS = {
    "script": _check_script,
    "samples": _check_samples,
    "normalization": _check_normalization,
    "tokenizer": _check_tokenizer,
    "metric": _check_metric,
    "hook": _check_hook,
}
