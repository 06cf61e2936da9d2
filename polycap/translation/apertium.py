"""Translation by Apertium, the rule-based system that Debian packages: `apt install apertium apertium-eng-spa`.

It needs no neural package, and translates half as well. Its program is a pipe of a dozen others; one of them may die
in the middle, or make two lines of one. So texts go through in chunks, each text a paragraph of its own (or the words
of one would be read as the context of the next), and what comes back is counted.
"""

import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import ClassVar

import langcodes

from polycap.child import find_program, run_program, start_program
from polycap.errors import PolycapError, TranslationError
from polycap.translation.engine import Translation

__all__ = ["ApertiumEngine", "ApertiumTranslator"]

CHUNK = 500
"""Texts per process. One takes half a second to start."""
TIMEOUT_S = 120.0
MOST_FAILURES = 10
"""Texts of one call that may fail alone; beyond, the fault is not theirs."""

# A paragraph that comes back as it is. Without it some pairs treat the first text unlike the others, and with it at
# the end, a pipe that died is seen.
_FENCE = "."
_BREAK = "\n\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # a NUL would flush the pipe
_MODE = re.compile(r"[a-z]{2,3}-[a-z]{2,3}(_\w+)?")
# In front of a word that the analyser doesn't know, the dictionary doesn't translate, or the generator can't inflect.
_MARKS = "*@#"
_CHOICE = re.compile(r"(\w+)(?:/\w+)+")  # where the generator knows two forms; the first is taken

logger = logging.getLogger(__name__)


class ApertiumEngine:
    """Rule-based translation with the language pairs that are installed."""

    name: ClassVar[str] = "apertium"

    def pairs(self) -> list[tuple[str, str]]:
        """The installed pairs, by Apertium's codes, such as `("eng", "spa")`; none if it is not installed."""
        return [(mode.split("-")[0], mode.split("-")[1]) for mode in _modes()]

    def require(self) -> None:
        """Check that Apertium is installed.

        Raises:
            TranslationError: it is not.
        """
        if _program() is None:
            raise TranslationError(
                "Apertium is not installed; on Debian, `apt install apertium` and the pair's package, such as "
                "apertium-eng-spa"
            )

    def open(self, source: str, target: str) -> "ApertiumTranslator":
        """Make ready to translate.

        Args:
            source, target: Apertium's codes, or others of the same languages (`es` for its `spa`).

        Raises:
            TranslationError: Apertium or the pair is not installed.
        """
        self.require()
        wanted = (_standard(source), _standard(target))
        modes = _modes()
        for mode in sorted(modes, key=lambda mode: mode != f"{source}-{target}"):  # its own codes first
            if tuple(map(_standard, mode.split("-"))) == wanted:
                return ApertiumTranslator(mode)
        raise TranslationError(
            f"no Apertium pair {source}→{target} is installed; there are {', '.join(modes) or 'none'}; "
            "`apt search apertium-` lists what Debian has"
        )


class ApertiumTranslator:
    """One direction of one pair.

    Attributes:
        mode: what Apertium calls it, such as `eng-spa`.
        identity: such as `apertium/eng-spa@0.8.1-2`; the version is that of Debian's package, or else Apertium's.
    """

    def __init__(self, mode: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Nothing is translated yet.

        Args:
            mode: one that `apertium -l` lists.
            timeout_s: seconds after which a chunk of `CHUNK` texts counts as hanging.
        """
        self.mode = mode
        self.identity = f"apertium/{mode}@{_version(mode)}"
        self._timeout_s = timeout_s
        self._failures = 0

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate single sentences. A text at which Apertium fails gets an empty translation, and a warning.

        Raises:
            TranslationError: it fails at more than `MOST_FAILURES` texts.
        """
        self._failures = 0
        lines = [" ".join(_CONTROL.sub(" ", text).split()) for text in texts]
        whole = list(dict.fromkeys(line for line in lines if line))
        found: dict[str, str] = {"": ""}
        for start in range(0, len(whole), CHUNK):
            chunk = whole[start : start + CHUNK]
            found.update(zip(chunk, self._chunk(chunk), strict=True))
        return [_translation(line, found[line]) for line in lines]

    def _chunk(self, texts: list[str]) -> list[str]:
        """Translate texts; where the count is wrong, each half again, down to the one that is at fault."""
        paragraphs, fault = self._run(texts)
        if len(texts) == 1 and not fault:
            return [" ".join(" ".join(paragraphs).split())]  # all of it is that text's, however many lines
        if len(paragraphs) == len(texts) and not fault:
            return [" ".join(paragraph.split()) for paragraph in paragraphs]
        if len(texts) > 1:
            half = len(texts) // 2
            return self._chunk(texts[:half]) + self._chunk(texts[half:])
        self._failures += 1
        if self._failures > MOST_FAILURES:
            raise TranslationError(f"Apertium {self.mode} fails ({fault}); install its package again")
        logger.warning("Apertium %s can't translate %r (%s); it is left empty", self.mode, texts[0], fault)
        return [""]

    def _run(self, texts: list[str]) -> tuple[list[str], str]:
        """The paragraphs that come back for texts, and what went wrong; empty if nothing did."""
        sent = "".join(text + _BREAK for text in (_FENCE, *texts, _FENCE))
        timeout_s = self._timeout_s * max(1 / 8, len(texts) / CHUNK)
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        try:
            with start_program(
                [_program() or "apertium", self.mode],
                environment=_environment(),
                start_new_session=True,  # so that the whole pipe can be ended
                **pipes,
            ) as process:
                try:
                    output, errors = process.communicate(sent.encode(errors="replace"), timeout=timeout_s)
                except BaseException as error:
                    _end(process)
                    if isinstance(error, subprocess.TimeoutExpired):
                        return [], f"no answer in {timeout_s:g} s"
                    raise
        except PolycapError as error:
            raise TranslationError(f"Apertium: {error}; install it again") from error
        received = output.decode(errors="replace").split(_BREAK)
        if len(received) < 3 or received[0].strip() != _FENCE or received[-2].strip() != _FENCE or received[-1].strip():
            said = " ".join(errors.decode(errors="replace").split())[-200:]
            return [], f"exit status {process.returncode}, {said or 'and not all came back'}"
        return received[1:-2], ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End what is left of a pipe."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _translation(source: str, output: str) -> Translation:
    """Take the marks off unknown words, and count them; a mark that the source has, too, is none."""
    if "/" not in source:
        output = _CHOICE.sub(r"\1", output)
    marks = "".join(mark for mark in _MARKS if mark not in source)
    if not marks:
        return Translation(output)
    text, count = re.subn(rf"[{re.escape(marks)}](?=\w)", "", output)
    return Translation(text, unknown=count)


def _program() -> str | None:
    return find_program("apertium")


def _environment() -> dict[str, str]:
    """Apertium's own variables, and a locale that it has: by one that is not installed it translates nothing."""
    locale = {"LC_ALL": "C.UTF-8"} if sys.platform == "linux" else {}
    return locale | {name: value for name, value in os.environ.items() if name.startswith("APERTIUM")}


def _modes() -> list[str]:
    """What `apertium -l` lists, without the variants for developers."""
    return sorted(mode for mode in _output("apertium", "-l").split() if _MODE.fullmatch(mode))


def _standard(code: str) -> str:
    """The usual code of a language, so that `spa` and `es` are one; a region or norm after `_` stays."""
    language, separator, rest = code.partition("_")
    return langcodes.standardize_tag(language) + separator + rest if langcodes.tag_is_valid(language) else code


def _version(mode: str) -> str:
    """The version of the Debian package that holds the mode, or else Apertium's own."""
    owner = _output("dpkg-query", "-S", f"*/apertium/modes/{mode}.mode").partition(":")[0]
    packaged = _output("dpkg-query", "-W", "-f", "${Version}", owner).strip() if owner else ""
    return packaged or _output("apertium", "-V").strip().removeprefix("Apertium ") or "unknown"


def _output(program: str, *arguments: str) -> str:
    """What a short command prints; empty if there is no such command, or it fails."""
    path = find_program(program)
    if path is None:
        return ""
    try:
        done = run_program([path, *arguments], environment=_environment(), timeout_s=30)
    except (PolycapError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
