"""The pipeline editor: palette, canvas, property panel and list of problems, all views of one document."""
