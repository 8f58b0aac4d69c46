"""Boards for tests: the fixtures ``board``, ``boards`` and ``boruta``, and the marker ``board``."""
