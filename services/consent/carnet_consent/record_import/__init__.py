"""The command `carnet-records`, which an operator runs beside consent."""
