"""Losses. Every term is a mean over the valid entries, zero (with a graph) where none is valid."""
