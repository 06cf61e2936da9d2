"""The entry of `scripts/bench`; see `benchmarks.cli`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # -P keeps it off, as well as the current folder

from benchmarks.cli import main

if __name__ == "__main__":  # a side's process imports this file, too
    main()
