"""`consent-ledger import`: an old list in, with what it can show; what cannot be read, back to be mended."""
