"""Our wire to the boards: JSON-RPC 2.0 both ways over one socket that the agent dials."""
