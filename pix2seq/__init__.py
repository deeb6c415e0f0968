"""Pix2Seq Explorer: object detection as a language, token by token."""
