"""SARIF 2.1.0 (OASIS), which code hosts and editors show beside the lines."""
