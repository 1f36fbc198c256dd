"""Hold the standard library: one record for each function."""
