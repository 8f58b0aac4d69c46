"""The HTTP API v1, its events, and the boards' link endpoint."""
