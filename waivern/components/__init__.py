"""What a plug-in is made of: connectors, analysers, their factories, and where these are found."""
