"""Widgets and drawings that several rooms use; the kit knows none of them."""
