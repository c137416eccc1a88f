"""Which code runs: what git knows, what it does not show, and what the run wrote."""
