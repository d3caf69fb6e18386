"""The audit service: takes in what the other services recorded, makes of it a log that can be verified, shows each person hers.

Rooms: `domain` (what an event is, which numbers it gets), `usecases` (take in, sequence, publish, read, export, watch), `storage`
(MongoDB), `clients` (identity, consent, this service's own journal), `api` (gRPC), `main` (wires all).
"""
