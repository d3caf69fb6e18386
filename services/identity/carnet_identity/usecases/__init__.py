"""The verbs of identity. They see the stores through the ports of `ports`."""
