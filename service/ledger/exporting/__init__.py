"""What a regulator receives: one file, pinned to one checkpoint, that proves itself."""
