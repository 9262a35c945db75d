"""Figures of a run: what is shown live (`snapshot`), how it ended (`summary`), and each frame's stamps (`traces`)."""
