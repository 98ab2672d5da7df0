"""What can be seen: `tell` a step, `proof` of its numbers; tables and notation for all of them."""
