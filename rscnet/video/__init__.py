"""Videos: frames in and out, and the boxes of people over time."""
