"""The processes that Waivern starts: what they inherit, how they are stopped, and what happens if Waivern is killed."""
