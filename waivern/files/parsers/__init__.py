"""Parsing files in processes of their own, so that a parser that hangs or crashes, or fills the memory, ends alone."""
