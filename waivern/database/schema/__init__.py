"""Tables, views, interned rows, and the revision of the database."""
