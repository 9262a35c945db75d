"""Devices: their ids, what a backend is, and what is found on this machine."""
