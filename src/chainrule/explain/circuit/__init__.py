"""The scalar view: every addition and multiplication a gate, values forward, gradients back along the edges."""
