"""Exercises: both passes of a small network with some numbers left out, answers judged, mistakes recognised."""
