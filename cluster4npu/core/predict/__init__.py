"""What a pipeline would do if it were changed, predicted from what was measured of it."""
