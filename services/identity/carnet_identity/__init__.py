"""The identity service: persons, professionals, structures and the sessions in which they act."""
