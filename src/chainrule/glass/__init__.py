"""What can be seen: steps in words, as a diagram, and against numerical derivatives."""
