"""What a run found, for people: a page with the data map, tables and figures."""
