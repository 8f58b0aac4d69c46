"""What the kernel tells in /proc, read into types; nothing else of Boruta parses it.

Whatever is read may be gone the moment before: a process that vanished reads as none of what was
asked, never as an error. Standard library only, since the sandbox's keeper runs it too.
"""
