"""The event vocabulary in the languages that people read: what letter and report have in common."""
