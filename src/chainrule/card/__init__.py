"""The model card: what a model is, what it was trained on, how good it is and where it ends, as Markdown."""
