"""Files of a folder, of this machine or of a storage."""
