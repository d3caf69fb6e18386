"""MongoDB: collections, validators, indexes, transactions."""
