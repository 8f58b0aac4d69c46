"""Records, states, events and errors: plain data that every floor shares."""
