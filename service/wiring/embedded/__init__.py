"""A PostgreSQL of our own, for where none is configured."""
