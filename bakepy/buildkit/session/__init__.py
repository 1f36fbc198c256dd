"""Serve the daemon over the session: files, secrets, credentials.

Import from the modules: a run pays only for the services that it offers.
"""
