"""What a training leaves behind: run directory, model file, checkpoints; load and replay."""
