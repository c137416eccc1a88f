"""What is looked at: pages of one file that fetch nothing, drawn from what the terminal says."""
