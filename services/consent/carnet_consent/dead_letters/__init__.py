"""A command for operators: the letters of notices that were given up."""
