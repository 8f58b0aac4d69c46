"""The agent on a board's supervisor: it lets users in, keeps them out, and proves it."""
