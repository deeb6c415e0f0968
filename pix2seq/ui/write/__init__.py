"""*Write*: the stage, what it asks the server, and what a visitor can take away."""
