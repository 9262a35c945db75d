"""History: the stored runs."""
