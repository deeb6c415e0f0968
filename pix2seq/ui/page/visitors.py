"""``Visitors``: what Gradio keeps of whoever is here, without a copy of the page for each.

Gradio copies the settings of every component for every tab, and for every call of a program: five
milliseconds and a quarter of a megabyte, for links to a state, which this page makes in its own
way.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.state_holder import SessionState, StateHolder


class _Uncopied:
    """The page, of which no component is to be copied."""

    blocks = ()

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)


class Visitors(StateHolder):
    """Gradio's ``StateHolder``; a component's settings are noted when they change."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = SessionState(_Uncopied(self.blocks))
        return super().__getitem__(session_id)


def copy_nothing(demo: gr.Blocks) -> None:
    """For whoever comes from now on; ``demo`` has been launched."""
    demo.app.state_holder.__class__ = Visitors
