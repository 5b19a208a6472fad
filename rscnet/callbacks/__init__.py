"""Callbacks: what happens around training and evaluation without the LightningModule knowing of it."""
