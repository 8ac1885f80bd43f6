"""Composition root: the only clock, the keys, the pools and the randomness."""
