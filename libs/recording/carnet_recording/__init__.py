"""How a service tells the log what happened; never what happened.

Sending to audit, the refusals of which every service hears, what every event of a call has, and which purposes are always traced. A module
belongs here when each producer of the log needs it unchanged and it needs the contracts, which `carnet_platform` does not know. Kinds and
fields of a service's own events are that service's (docs/architecture.md, section 6).
"""
