"""The studio: one local page on which a run is watched, paused, stepped back and questioned."""
