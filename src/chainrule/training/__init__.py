"""The loop: settings, schedules, stopping, checkpoints, events, history. Engines do the arithmetic."""
