"""Log lines as evidence: templates, a learned baseline of each service, and what is out of the ordinary."""
