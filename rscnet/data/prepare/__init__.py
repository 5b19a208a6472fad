"""From the raw downloads of data sets to annotation files in SPIN's format; a module for each publisher's format."""
