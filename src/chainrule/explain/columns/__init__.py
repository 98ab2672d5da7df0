"""What the columns of a table do: contributions to one prediction, importances for the predictions of many rows."""
