"""The connectors `sql_database`, `sqlite`, `mysql` and `postgres`: rows of the tables of SQL databases."""
