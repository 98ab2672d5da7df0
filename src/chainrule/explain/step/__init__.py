"""A step told: in words and numbers, as a diagram, as a page."""
