"""The command line: one file per command in `commands`, each found by being there."""
