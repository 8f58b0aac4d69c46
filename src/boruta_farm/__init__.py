"""Boruta lends boards: request, match, prove clean, open SSH, take back on time."""

__version__ = "0.3.0"
