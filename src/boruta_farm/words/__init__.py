"""One voice: what the farm knows, in words, for API, command line, logs and page."""
