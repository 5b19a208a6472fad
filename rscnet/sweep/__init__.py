"""Sweeps: many runs by one command, each in a process of its own."""
