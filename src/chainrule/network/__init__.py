"""What is computed: the architecture, its parameters, how they start, and the records of both passes."""
