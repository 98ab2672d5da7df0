"""Search in time: the first step at which something happened, and where in the network."""
