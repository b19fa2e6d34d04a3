"""Use cases about stored data: audit, retention, encryption and archives."""
