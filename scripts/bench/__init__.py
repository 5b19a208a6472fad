"""The benchmark of `scripts/benchmark.py`: one module for each part, and their rivals in `bench.rivals`."""
