"""Recorded incidents through the product's own engine: one command for each set, rows for the scorers."""
