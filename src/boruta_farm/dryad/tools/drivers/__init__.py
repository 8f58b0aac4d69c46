"""The drivers of tools that come with the agent; a lab's package adds its own."""
