"""Unit tests of the stages."""
