"""EvidenceSource, TopologySource and Inventory: read-only, one file per system."""
