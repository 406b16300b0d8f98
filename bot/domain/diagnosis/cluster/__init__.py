"""Faults that the cluster itself shows: a typed state of one namespace, and rules that name object and cause."""
