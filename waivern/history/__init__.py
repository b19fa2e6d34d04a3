"""What past runs were, and what came of them."""
