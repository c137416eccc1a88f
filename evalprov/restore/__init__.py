"""An old run, brought back to a folder of its own, proven, run again, and held against the record."""
