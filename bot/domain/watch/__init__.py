"""Seeing trouble before any threshold does: what is unusual now, and when that is enough to say so."""
