"""Fixtures of the window's tests."""

from tests.ui.fixtures import data_folder, make_window, qt_is_quiet, window

__all__ = ["data_folder", "make_window", "qt_is_quiet", "window"]
