"""Commands about stored data: audit, retention, encryption, archives, the database."""
