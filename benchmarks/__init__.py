"""Measure plugbus beside the bare limit and beside its peers, in one run: ``python -m benchmarks``."""
