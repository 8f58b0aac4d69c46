"""Shells and consoles on lent boards for who has no ssh of his own: the page's terminals.

Nothing here knows of HTTP or of the server's other parts. Who may is judged in the server's process
(``terminals``); the programs are kept there or, so that they outlive it, in the front door's
(``keeper``). Then each viewer has a ``line`` between the two, ``distant`` here, ``lending`` there.
"""
