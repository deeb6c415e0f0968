"""What is left of visitors who have left goes away: sentences, pictures, files, Gradio's own state.

A thread looks around every few seconds. Only what nobody who is here has written and nobody has
used for a while (``PIX2SEQ_MAX_KEPT_SECONDS``) is let go; a quiet server gives its memory back.
"""

from __future__ import annotations

import datetime
import threading
import time

import gradio as gr

from pix2seq import allocator, logs
from pix2seq.config import short
from pix2seq.ui.page.uploads import drop_uploads

_EVERY_SECONDS = 10.0


def keep_house(demo: gr.Blocks) -> None:
    """Tidy now and then until the process ends; ``demo`` has been launched."""

    def look_around() -> None:
        while demo.is_running:
            time.sleep(_EVERY_SECONDS)
            try:
                tidy(demo)
            except Exception as error:  # the next round may be luckier
                logs.event("upkeep", error=short(error))

    threading.Thread(target=look_around, name="upkeep", daemon=True).start()


def tidy(demo: gr.Blocks) -> None:
    """Let go of what belongs to nobody, and, if nothing is being worked on, of free memory."""
    drop_uploads(demo.context.forget())
    _forget_closed(demo)
    if not any(demo._queue.active_jobs) and not demo.context.sessions.writing():
        allocator.give_back()


def _forget_closed(demo: gr.Blocks) -> None:
    """Gradio copies the page's configuration for every visitor, a quarter of a megabyte, and keeps
    it when the visitor has left."""
    keeper = demo.app.state_holder
    patience = datetime.timedelta(seconds=demo.context.limits.kept_seconds)
    for session, state in list(keeper.session_data.items()):
        used = keeper.time_last_used.get(session)
        if state.is_closed and used is not None and datetime.datetime.now() - used > patience:
            with keeper.lock:
                keeper.session_data.pop(session, None)
                keeper.time_last_used.pop(session, None)
