"""The session user of a board: a system account for one job."""
