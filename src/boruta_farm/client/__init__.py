"""The farm over HTTP: the contracts, events, and borrowing a board for as long as it is needed."""
