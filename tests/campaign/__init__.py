"""A table of real states, each with the bare command beside the recorded one."""
