"""Dialogs, and the small widgets that several dialogs and pages share."""
