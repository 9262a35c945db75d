"""Cluster4NPU: design, run and measure AI inference pipelines over several devices at once."""
