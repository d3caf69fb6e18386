"""What consent keeps in MongoDB: one sealed document a record, the withdrawals, and the read that a decision rests on."""
