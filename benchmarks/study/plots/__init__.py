"""One picture per experiment, made from its committed results and nothing else."""
