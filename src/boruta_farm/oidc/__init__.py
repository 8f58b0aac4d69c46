"""Signing in by OpenID Connect: providers of people, and CI systems that vouch for their jobs."""
