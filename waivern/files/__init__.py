"""Reading files: finding and filtering them, decoding their text and parsing their formats."""
