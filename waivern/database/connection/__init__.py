"""Engines, transactions, driver errors, column types, keys and the clock."""
