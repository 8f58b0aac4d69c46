"""Run a module in another process's network namespace: ``python -m tests.e2e.entering PID MODULE``.

The process stays the same, so that whoever started it can end it by its id.
"""

import os
import sys

if __name__ == "__main__":
    namespace, *module = sys.argv[1:]
    inside = ("nsenter", "-t", namespace, "-n")
    os.execvp(inside[0], [*inside, sys.executable, "-m", *module])
