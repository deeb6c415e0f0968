"""*Learn*: a lesson is one pair of files, what it computes (Python) and what it draws (script)."""
