"""What a person should know of each action beside what the catalogue computes: one file per family, and the table."""
