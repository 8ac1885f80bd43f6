"""The law as data, a subject's standing, and the one evaluator that answers."""
