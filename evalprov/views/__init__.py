"""Results in; text, tables, Markdown and XML out, through the one printer."""
