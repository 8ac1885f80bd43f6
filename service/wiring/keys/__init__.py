"""A ledger's secrets: where they come from, and how they are kept elsewhere."""
