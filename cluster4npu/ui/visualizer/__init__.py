"""What happened to each frame: the timeline of every device, its replay, and the bottleneck in words."""
