"""Numbers in, evidence out; nothing here knows a record."""
