"""Mutated files for every reader of files of others: they may be refused by our own error, and nothing else."""
