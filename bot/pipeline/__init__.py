"""The stages, one verb each, in this order: normalize, dedupe, correlate, declare, investigate, propose,
approve, execute, review. A stage is one public function that returns an outcome with a reason.
"""
