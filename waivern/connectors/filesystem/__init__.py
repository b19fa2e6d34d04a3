"""The `filesystem` connector: files of a local folder or of a remote storage."""
