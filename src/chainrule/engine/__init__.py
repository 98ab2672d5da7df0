"""Who computes it: engines that fulfil one protocol. NumPy calls the reference; native is the fast one."""
