"""The connectors that are shipped: each sees only what a plug-in of a third party may see."""
