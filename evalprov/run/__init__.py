"""One recorded run: what is asked for, prepared, launched, supervised and written down; trials; the present state."""
