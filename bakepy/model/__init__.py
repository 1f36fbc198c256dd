"""Describe targets, groups and variables: each field states its own merge and override rule."""
