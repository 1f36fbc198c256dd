"""Turn sources into targets, and targets into one solve graph."""
