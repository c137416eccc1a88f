"""What rocrate-validator would fetch: the JSON-LD context of RO-Crate, of which nothing is copied here."""
