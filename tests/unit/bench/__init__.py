"""The measuring tools themselves: what they read, and that they read nothing else."""
