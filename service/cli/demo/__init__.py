"""The stories this product was born from, played over real HTTP against a ledger of their own."""
