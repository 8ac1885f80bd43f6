"""The report of an export: what a regulator's employee reads first."""
