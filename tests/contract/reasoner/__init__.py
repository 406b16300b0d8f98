"""The reasoner's contract."""
