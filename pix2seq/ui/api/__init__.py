"""The programmatic endpoints."""
