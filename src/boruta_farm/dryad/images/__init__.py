"""Images on their way to and from media: of the standard library alone, in a process of its own."""
