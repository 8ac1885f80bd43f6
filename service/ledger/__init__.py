"""Use cases and the ports they need. Knows no framework and owns the transaction."""
