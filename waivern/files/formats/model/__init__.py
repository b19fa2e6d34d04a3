"""What all formats share: the documents they read and the parts they produce."""
