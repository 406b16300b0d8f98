"""The gate's rules, one file per concern; `domain/gate.py` holds their order."""
