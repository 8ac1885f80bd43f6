"""`consent-ledger export`: a part of the ledger, or all of it, in one file that anybody can check."""
