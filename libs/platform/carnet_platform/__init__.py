"""How a Carnet service runs; never what it decides.

Server, mutual TLS, interceptors, telemetry, settings, clock, errors, stores, journal, envelope. A module belongs here when a
billing product would use it unchanged.
"""
