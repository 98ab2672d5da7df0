"""What learning rate is too large, what is too small, what to take, and why."""
