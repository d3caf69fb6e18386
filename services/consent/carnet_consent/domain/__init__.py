"""The rules of consent, from the standard library alone: time and randomness are arguments, decisions are values."""
