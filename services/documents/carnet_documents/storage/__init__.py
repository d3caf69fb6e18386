"""MongoDB: sealed documents, their chunks, and record keys in a second database."""
