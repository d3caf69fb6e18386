"""What identity keeps: MongoDB collections, the cache of presented assertions in Redis, the files of the signing keys."""
