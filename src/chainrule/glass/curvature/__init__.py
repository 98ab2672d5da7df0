"""How the loss bends: the Hessian as a product, and its extreme eigenvalues."""
