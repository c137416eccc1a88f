"""Exports held against the real tools that they are for: `make peers`."""
