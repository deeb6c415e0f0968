"""*Compare*: two settings side by side, and many samples of one setting."""
