"""The limits of the machine, its GPUs, and where on it this is."""
