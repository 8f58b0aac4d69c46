"""The stewards of the boards: prepare and clean them, notice who is lost, try who failed."""
