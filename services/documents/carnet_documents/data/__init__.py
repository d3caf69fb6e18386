"""Data files of the documents service, versioned with its code."""
