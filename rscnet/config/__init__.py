"""Composition, validation and building of configurations."""
