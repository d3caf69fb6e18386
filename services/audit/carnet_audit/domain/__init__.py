"""Rules without a store, a network or a clock of their own."""
