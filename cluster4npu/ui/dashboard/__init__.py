"""Live charts and figures of a run."""
