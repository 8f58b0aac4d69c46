"""What boards are made of: one driver per kind, all behind ``base.Driver``."""
