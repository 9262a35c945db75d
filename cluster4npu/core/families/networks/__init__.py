"""The families, one file each: a file with a FAMILY is found by itself."""
