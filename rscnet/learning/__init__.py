"""LightningModules: a network, its losses, an optimiser; nothing of data sets, metrics or pictures."""
