"""Carnet on a cluster for development: the secrets of kind, the start of its MongoDB, and the smoke test."""
