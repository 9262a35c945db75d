"""Pipelines that keep rates and modes: run in one process, each node when it is asked (or on every frame)."""
