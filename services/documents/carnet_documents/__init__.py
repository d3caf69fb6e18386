"""Carnet documents: submission, search, retrieval, visibility and encryption of documents."""
