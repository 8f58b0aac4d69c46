"""Ways to a board: session keys, the relay that carries bytes, and who keeps it informed."""
