"""The commands. A command is found because its file lies here."""
