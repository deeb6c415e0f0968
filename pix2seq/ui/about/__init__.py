"""*About the model*: the loaded checkpoint, its vocabulary, and the table of all."""
