"""Importing other people's benchmark results: recognised by shape, kept in tables of their own."""
