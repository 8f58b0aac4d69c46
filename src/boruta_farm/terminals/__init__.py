"""Shells and consoles on lent boards for who has no ssh of his own: the page's terminals.

Nothing here knows of HTTP or of the server's other parts: whoever holds the contract ``Requests``
and an address of the tunnels can keep terminals, in the server's process or in another.
"""
