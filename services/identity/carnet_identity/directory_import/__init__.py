"""The command `carnet-directory`, which an operator runs beside identity."""
