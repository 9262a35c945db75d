"""The setup wizard: from a use case to a pipeline in four pages."""
