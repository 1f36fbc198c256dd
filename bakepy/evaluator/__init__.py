"""Turn syntax trees into values: names, their order, scopes, templates and user functions."""
