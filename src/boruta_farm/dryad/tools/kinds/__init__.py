"""The kinds of tools: one small Protocol in each file, which a driver's tool has to fulfil."""
