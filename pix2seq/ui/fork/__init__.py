"""What only this page can show: a sentence is a path, context decides, and other paths are open."""
