"""End what a session left behind, and prove that nothing of it remains."""
