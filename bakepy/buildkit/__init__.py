"""Speak BuildKit's API: the control and gateway calls, and the session that runs the other way."""
