"""`consent-ledger check --file`: a list in, the same list with answers out."""
