"""Run a solve graph on nodes."""
