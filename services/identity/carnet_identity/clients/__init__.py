"""The other parties identity calls: audit, consent, and the identity providers it trusts."""
