"""Networks of other libraries come in: their architecture and the bits of their weights."""
