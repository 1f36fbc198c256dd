"""Carry bytes to a node: unix sockets, TCP with TLS, processes, hijacked HTTP."""
