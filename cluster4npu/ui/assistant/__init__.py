"""The assistant: what could make a measured run faster, what is predicted of it, and what came of it."""
