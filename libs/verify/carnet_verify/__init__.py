"""What makes a person's access history provable, and the offline verifier that proves it.

Reads in this order: `commitment` (one event), `leaf` (its place in the log), `tree` (the log, RFC 6962), `note` and
`checkpoint` (what the log signs), `statement` (how many lines a history has), `history` (the file a person downloads),
`verify` (the numbered procedure), `words` (an event as a sentence), `cli` (the command `carnet-audit`).
Depends on `cryptography` and the standard library, on no service and no network.
"""
