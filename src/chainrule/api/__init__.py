"""The public names, thin: made of the records and functions of the rooms above."""
