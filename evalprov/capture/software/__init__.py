"""The interpreter, what is installed for it, the environment, and other executables."""
