"""Pipelines: the file format (`config`), its checks (`graph`), what is run (`plan`) and older versions (`migrate`)."""
