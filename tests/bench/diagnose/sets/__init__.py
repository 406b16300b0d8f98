"""One file for each set; the file's name is the set's name, and `cases(data)` finds its cases."""
