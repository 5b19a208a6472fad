"""ImageNet's statistics, by which networks of its pictures expect theirs to be normalised."""

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Of red, green and blue in [0, 1]."""
IMAGE_STD = (0.229, 0.224, 0.225)
