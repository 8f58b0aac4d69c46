"""What a board's people operate: power, buttons, consoles, media, screens, by name."""
