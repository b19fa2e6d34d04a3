"""Documents of a MongoDB database."""
