"""Tests of the web application over real HTTP."""
