"""A visit: what the server remembers and writes for a visitor, and what the page knows of it."""
