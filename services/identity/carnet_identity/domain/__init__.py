"""Pure rules about numbers, traits and comparisons. Standard library only; time and randomness are arguments."""
