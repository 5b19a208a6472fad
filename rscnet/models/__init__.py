"""Networks, and the import and export of their weights."""
