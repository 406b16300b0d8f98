"""Composition roots, one file per process: settings -> adapters -> ports."""
