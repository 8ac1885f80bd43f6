"""Erasure of a person (GDPR 17), and that no restored backup undoes it."""
