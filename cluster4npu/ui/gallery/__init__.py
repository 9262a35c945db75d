"""Every panel and dialog of the window, put on the screen one after the other, to be drawn and to be checked."""
