"""The SSH front door: plain ssh gets a board."""
