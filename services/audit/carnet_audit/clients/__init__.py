"""Other services, and this one's own journal."""
