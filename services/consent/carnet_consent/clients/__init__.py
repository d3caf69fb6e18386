"""The other services that consent calls: identity and audit."""
