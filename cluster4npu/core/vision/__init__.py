"""Image work around a model: captures, fitting a frame to the input, decoding outputs, boxes."""
