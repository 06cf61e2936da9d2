"""The entry of `scripts/bench`; see `benchmarks.cli`."""

from benchmarks.cli import main

if __name__ == "__main__":  # a side's process imports this file, too
    main()
