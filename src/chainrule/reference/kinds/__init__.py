"""The layer kinds, one file each; chainrule.reference.layer_kinds has the table."""
