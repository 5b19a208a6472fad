"""LightningModules: a network, its losses, an optimiser; no files, no tables, no pictures."""
