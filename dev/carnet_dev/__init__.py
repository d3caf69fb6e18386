"""Carnet on one machine, without Docker: stores, certificates, keys, a development identity provider and the supervisor."""
