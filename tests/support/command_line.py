"""Helpers of the tests in tests/cli."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("tensorflow", "keras", "sentencepiece", "argostranslate", "sacrebleu", "torch")
RUN = "from polycap.cli import main; main()"


def python(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that knows polycap."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
