"""From what callers hand in to the next signed checkpoint: admission, group commit, epoch."""
