"""A farm without hardware, sockets or waiting: for tests of Boruta and of what uses it."""
