"""Any number of checks at once, under one signed root and one event of the ledger."""
