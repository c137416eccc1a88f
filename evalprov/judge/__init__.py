"""Whether a score moved, and what did it: verdicts, the gate, the answer in a line."""
