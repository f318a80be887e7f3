"""Who may come in: the sign-in page, and the middleware in front of everything else."""
