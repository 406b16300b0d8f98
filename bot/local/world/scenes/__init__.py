"""One file per kind of scenario: a seed and a time in, a Scene out."""
