"""HTTP as it is served: connections, plain or under TLS, bounded in memory and time."""
