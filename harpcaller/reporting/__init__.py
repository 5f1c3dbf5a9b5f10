"""Tells monitors of workflows about our own jobs, beside everything else."""
