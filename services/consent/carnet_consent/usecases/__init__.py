"""What consent does, one verb a class: each applies the rules of `domain` to what `storage` holds, and records it."""
