"""Two records held against each other: what differs, in which layer, and how that is said."""
