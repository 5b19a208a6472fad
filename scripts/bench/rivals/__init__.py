"""Benchmark-only code, never imported by rscnet: plain implementations of what the original does, written from the
project's reference document (its sections 2 to 6), to be measured against."""
