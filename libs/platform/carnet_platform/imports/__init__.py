"""What programs that import a large file of lines into a store have in common."""
