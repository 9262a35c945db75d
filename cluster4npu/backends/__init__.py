"""The backends, one file per runtime. A backend is found because its file lies here."""
