"""A trained model leaves: as a module of PyTorch, as C."""
