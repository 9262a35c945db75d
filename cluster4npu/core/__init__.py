"""Everything that works without a window: pipelines, nodes, engine, devices, benchmarks, store, reports."""
