"""Other tools know the run, and the run knows them: identity by environment, links, export and import."""
