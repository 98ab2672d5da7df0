"""From a table to what is trained on it: task, hold-out or folds, pipelines, candidates, and which of them is taken."""
