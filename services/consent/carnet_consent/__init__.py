"""The consent service: decides who may read what in a record, and keeps what its holder consented to."""
