"""Engine Apertium: rule-based translation, packaged by Debian (`apt install apertium apertium-eng-spa`).

Its translations are about half as good as neural ones. Its program is a pipe of a dozen others; one of them may die, or
split a line in two. So texts are translated in chunks, each text as its own paragraph (else its words would be context
for the next text), and the paragraphs of the output are counted.
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

from polycap.errors import PolycapError, TranslationError
from polycap.machine.child import find_program, run_program, start_program
from polycap.translation.engine import Translation

__all__ = ["ApertiumEngine", "ApertiumTranslator"]

TEXTS_PER_PROCESS = 500
"""Texts per process, which takes half a second to start."""

TIMEOUT_S = 120.0
"""Default time limit for `TEXTS_PER_PROCESS` texts, seconds."""

MAX_FAILURES = 10
"""Maximum number of single texts that may fail per call; with more, Apertium itself is broken."""

# A paragraph that is not changed. At the start it is needed since some pairs treat the first text differently; at the
# end it shows that the pipe has not died.
_FENCE = "."
_BREAK = "\n\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # Apertium flushes its pipe at a NUL
_MODE = re.compile(r"[a-z]{2,3}-[a-z]{2,3}(_\w+)?")
# Before a word that is unknown to the analyser, to the dictionary or to the generator.
_MARKS = "*@#"
_CHOICE = re.compile(r"(\w+)(?:/\w+)+")  # several forms of the generator; the first is used

logger = logging.getLogger(__name__)


class ApertiumEngine:
    """Apertium, with its installed pairs of languages."""

    name: ClassVar[str] = "apertium"

    def pairs(self) -> list[tuple[str, str]]:
        """Return the installed pairs by Apertium's codes, such as `("eng", "spa")`; none if it is not installed."""
        return [(mode.split("-")[0], mode.split("-")[1]) for mode in _modes()]

    def require(self) -> None:
        """Check that Apertium is installed.

        Raises:
            TranslationError: it is not installed.
        """
        if _program() is None:
            raise TranslationError(
                "Apertium is not installed; on Debian, `apt install apertium` and the pair's package, such as "
                "apertium-eng-spa"
            )

    def open(self, source: str, target: str) -> "ApertiumTranslator":
        """Return a translator for a pair.

        Args:
            source: code of the source language, Apertium's or another code of the same language (`es` for `spa`).
            target: code of the target language, likewise.

        Raises:
            TranslationError: Apertium or the pair is not installed.
        """
        self.require()
        requested = (_standard(source), _standard(target))
        modes = _modes()
        for mode in sorted(modes, key=lambda mode: mode != f"{source}-{target}"):  # Apertium's codes have precedence
            if tuple(map(_standard, mode.split("-"))) == requested:
                return ApertiumTranslator(mode)
        raise TranslationError(
            f"no Apertium pair {source}→{target} is installed; there are {', '.join(modes) or 'none'}; "
            "`apt search apertium-` lists what Debian has"
        )


class ApertiumTranslator:
    """Translator of one pair.

    Attributes:
        mode: Apertium's name of the pair, such as `eng-spa`.
        identity: identity, such as `apertium/eng-spa@0.8.1-2`, with the version of Debian's package, or else of
            Apertium.
    """

    def __init__(self, mode: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Look up the version of the pair.

        Args:
            mode: mode that `apertium -l` lists.
            timeout_s: time limit for `TEXTS_PER_PROCESS` texts, seconds. (default: 120)
        """
        self.mode = mode
        self.identity = f"apertium/{mode}@{_mode_version(mode)}"
        self._timeout_s = timeout_s
        self._failures = 0

    def translate(self, texts: Sequence[str]) -> list[Translation]:
        """Translate sentences. If Apertium fails at a text, its translation is empty, with a warning.

        Raises:
            TranslationError: Apertium fails at more than `MAX_FAILURES` texts.
        """
        self._failures = 0
        lines = [" ".join(_CONTROL.sub(" ", text).split()) for text in texts]
        unique = list(dict.fromkeys(line for line in lines if line))
        outputs: dict[str, str] = {"": ""}
        for start in range(0, len(unique), TEXTS_PER_PROCESS):
            chunk = unique[start : start + TEXTS_PER_PROCESS]
            outputs.update(zip(chunk, self._chunk(chunk), strict=True))
        return [_translation(line, outputs[line]) for line in lines]

    def _chunk(self, texts: list[str]) -> list[str]:
        """Translate texts; if the number of paragraphs differs, translate each half again, down to the failing text."""
        paragraphs, fault = self._run(texts)
        if len(texts) == 1 and not fault:
            return [" ".join(" ".join(paragraphs).split())]  # all paragraphs are of that text
        if len(paragraphs) == len(texts) and not fault:
            return [" ".join(paragraph.split()) for paragraph in paragraphs]
        if len(texts) > 1:
            half = len(texts) // 2
            return self._chunk(texts[:half]) + self._chunk(texts[half:])
        self._failures += 1
        if self._failures > MAX_FAILURES:
            raise TranslationError(f"Apertium {self.mode} fails ({fault}); install its package again")
        logger.warning("Apertium %s can't translate %r (%s); it is left empty", self.mode, texts[0], fault)
        return [""]

    def _run(self, texts: list[str]) -> tuple[list[str], str]:
        """Run Apertium; return the paragraphs of its output, and the fault, empty if there is none."""
        content = "".join(text + _BREAK for text in (_FENCE, *texts, _FENCE))
        timeout_s = self._timeout_s * max(1 / 2, len(texts) / TEXTS_PER_PROCESS)
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        try:
            with start_program(
                [_program() or "apertium", self.mode],
                environment=_environment(),
                start_new_session=True,  # to kill all processes of the pipe
                **pipes,
            ) as process:
                try:
                    output, errors = process.communicate(content.encode(errors="replace"), timeout=timeout_s)
                except BaseException as error:
                    _end(process)
                    if isinstance(error, subprocess.TimeoutExpired):
                        return [], f"no answer in {timeout_s:g} s"
                    raise
        except PolycapError as error:
            raise TranslationError(f"Apertium: {error}; install it again") from error
        received = output.decode(errors="replace").split(_BREAK)
        if len(received) < 3 or received[0].strip() != _FENCE or received[-2].strip() != _FENCE or received[-1].strip():
            message = " ".join(errors.decode(errors="replace").split())[-200:]
            return [], f"exit status {process.returncode}, {message or 'and incomplete output'}"
        return received[1:-2], ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the processes of a pipe."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _translation(source: str, output: str) -> Translation:
    """Remove and count the marks of unknown words; characters that the source contains are no marks."""
    if "/" not in source:
        output = _CHOICE.sub(r"\1", output)
    marks = "".join(mark for mark in _MARKS if mark not in source)
    if not marks:
        return Translation(output)
    mark = rf"[{re.escape(marks)}](?=\w)"
    words = tuple(dict.fromkeys(re.findall(rf"{mark}(\w+)", output)))
    text, count = re.subn(mark, "", output)
    return Translation(text, unknown=count, unknown_words=words)


def _program() -> str | None:
    return find_program("apertium")


def _environment() -> dict[str, str]:
    """Return Apertium's variables, and an installed locale, since with another it translates nothing."""
    locale = {"LC_ALL": "C.UTF-8"} if sys.platform == "linux" else {}
    return locale | {name: value for name, value in os.environ.items() if name.startswith("APERTIUM")}


def _modes() -> list[str]:
    """Return the modes that `apertium -l` lists, without variants for developers."""
    return sorted(mode for mode in _output("apertium", "-l").split() if _MODE.fullmatch(mode))


def _standard(code: str) -> str:
    """Return the standard code of a language, `es` for `spa`, with an unchanged variant after `_`."""
    language, separator, rest = code.partition("_")
    return langcodes.standardize_tag(language) + separator + rest if langcodes.tag_is_valid(language) else code


def _mode_version(mode: str) -> str:
    """Return the version of the mode's Debian package, or else of Apertium."""
    owner = _output("dpkg-query", "-S", f"*/apertium/modes/{mode}.mode").partition(":")[0]
    packaged = _output("dpkg-query", "-W", "-f", "${Version}", owner).strip() if owner else ""
    return packaged or _output("apertium", "-V").strip().removeprefix("Apertium ") or "unknown"


def _output(program: str, *arguments: str) -> str:
    """Return the output of a command; empty if the command is missing or fails."""
    path = find_program(program)
    if path is None:
        return ""
    try:
        process = run_program([path, *arguments], environment=_environment(), timeout_s=30)
    except (PolycapError, subprocess.TimeoutExpired):
        return ""
    return process.stdout if process.returncode == 0 else ""
