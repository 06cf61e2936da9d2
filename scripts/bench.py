"""The entry of `scripts/bench`; see `benchmarks.cli`."""

import sys
from pathlib import Path

# `python -P`, which the processes of `multiprocessing` inherit, adds neither the current folder nor this one
sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchmarks.cli import main

if __name__ == "__main__":  # a side's process imports this file, too
    main()
