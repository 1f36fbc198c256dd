"""Parse commands and call the rooms below: steps, never logic."""
