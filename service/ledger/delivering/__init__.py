"""Who hears of events, in what words, and what became of each delivery."""
