"""PostgreSQL: the tables, the named SQL and the adapter behind the ledger's ports."""
