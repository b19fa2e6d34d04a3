"""Records of past runs: their ports and values, comparison, gates, decisions and proofs."""
