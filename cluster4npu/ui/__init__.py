"""The window. Nothing below this package imports Qt."""
