"""Motion of tracked people: what a per-frame network says of a track, and back-ends that make it steady."""
