"""*Experiments*: sweep a setting over labelled scenes."""
