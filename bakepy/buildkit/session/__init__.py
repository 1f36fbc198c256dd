"""Serve the daemon over the session: files, secrets, credentials."""
