"""The server's settings, a file for each idea; ``server.config`` is all of them at once.

Their classes have no slots, since one that has cannot be a base beside another.
"""
