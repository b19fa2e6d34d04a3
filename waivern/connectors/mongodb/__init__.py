"""The `mongodb` connector: documents of a MongoDB database."""
