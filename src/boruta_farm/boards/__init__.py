"""Who looks after the boards: prepares and cleans them, watches them, tries who failed."""
