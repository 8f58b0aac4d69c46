"""Boards for agents that speak the Model Context Protocol (`boruta mcp`)."""
