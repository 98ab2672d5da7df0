"""What can be seen: `tell` a step, `why` a number, `search` in time, a `circuit` of scalars, `proof` of it all."""
