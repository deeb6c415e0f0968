"""The tour: a card that points at parts of the page; scripts and style only."""
