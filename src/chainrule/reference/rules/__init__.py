"""The update rules by family, one entry each; chainrule.reference.optimizers has the table."""
