"""The JSON form of records, both ways, derived from what they declare."""
