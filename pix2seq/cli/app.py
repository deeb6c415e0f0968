"""``app``: the page, served from any folder."""

from __future__ import annotations

from pix2seq.app import add_arguments, serve
from pix2seq.cli.command import Command

APP = Command("app", "Serve the page: watch the model write, in a browser.", add_arguments, serve)
