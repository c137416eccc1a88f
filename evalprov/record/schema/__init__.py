"""The sections of the record, a file each."""
