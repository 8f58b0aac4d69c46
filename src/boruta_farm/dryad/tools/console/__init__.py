"""Consoles: ports held by a keeper beside the agent, seen and written to by sessions."""
