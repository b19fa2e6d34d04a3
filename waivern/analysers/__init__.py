"""The analysers that are shipped: each sees only what a third party's plug-in may see."""
