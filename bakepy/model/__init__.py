"""Describe targets and groups: each attribute states its own merge rule, override rule and doc."""
