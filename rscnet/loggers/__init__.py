"""Loggers that mirror `metrics.jsonl`: wandb, TensorBoard, CSV and any other of Lightning's."""
