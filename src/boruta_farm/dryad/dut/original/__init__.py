"""The commands of the original's world: what Weles, Festral and scripts call."""
