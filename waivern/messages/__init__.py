"""Messages between artifacts: their content, schema, validation and canonical form."""
