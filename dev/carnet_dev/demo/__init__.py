"""``make demo``: the story of one record, told on the running system, every step of it checked."""
