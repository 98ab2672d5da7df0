"""Descriptions of a step: in words and numbers, as a diagram, as a page."""
