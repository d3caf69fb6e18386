"""Rules about documents: pure functions and values, standard library only."""
