"""Live figures over the canvas: on nodes and wires, with the frames that move between them."""
