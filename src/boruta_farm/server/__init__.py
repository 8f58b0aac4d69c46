"""The server: configuration, and the only place where all parts are put together."""
