"""The store's page: what is in it, questions in SQL, and its upkeep."""
