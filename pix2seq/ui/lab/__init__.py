"""The *P-R lab*: sweep a setting over labelled scenes."""
