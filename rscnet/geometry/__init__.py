"""Rotations, cameras and similarity alignment; imports nothing of ours."""
