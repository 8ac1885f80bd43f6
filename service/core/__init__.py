"""Pure values: bytes in, verdicts out. No I/O, no clock, no async."""
