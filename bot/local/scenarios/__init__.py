"""Data of the demo's scenarios: neutral names and recorded incidents. No code."""
