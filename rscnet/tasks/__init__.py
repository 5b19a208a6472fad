"""Tasks: what the entrypoint can do; each is one function `run(config)` that returns a number for sweeps or None."""
