"""The command line: ``boruta`` with a verb for everything people and scripts do with a farm."""
