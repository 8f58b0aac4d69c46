"""The farm to play with: a whole one on this machine, and its unattended rehearsals."""
