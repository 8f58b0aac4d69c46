"""The language of selectors: which capabilities a board must have, beyond exact values."""
