"""Speeds, measured and printed by one command each: `python -m benchmarks.NAME`, or all with `python -m benchmarks`."""
