"""Reports of stored runs: Markdown, HTML, CSV and JSON, all from the same figures."""
