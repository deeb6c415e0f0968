"""What is left of visitors who have left goes away: sentences, pictures, files, Gradio's own state.

A thread looks around every few seconds. Only what nobody who is here has written and nobody has
used for a while (``PIX2SEQ_MAX_KEPT_SECONDS``) is let go. Memory that is free goes back to the
system when nobody works, and under load as soon as it has become much.
"""

from __future__ import annotations

import datetime
import threading
import time

import gradio as gr

from pix2seq import allocator, logs
from pix2seq.config import short
from pix2seq.ui.page.uploads import drop_uploads
from pix2seq.ui.page.visitors import copy_nothing

_EVERY_SECONDS = 10.0
_LOOK_SECONDS = 0.5  # how often it is looked how much memory the process has
_MUCH = 32 << 20  # bytes that it has grown by


def keep_house(demo: gr.Blocks) -> None:
    """Tidy now and then until the process ends; ``demo`` has been launched."""
    copy_nothing(demo)

    def look_around() -> None:
        tidied, low = time.monotonic(), allocator.held()
        while demo.is_running:
            time.sleep(_LOOK_SECONDS)
            try:
                if time.monotonic() - tidied >= _EVERY_SECONDS:
                    tidied = time.monotonic()
                    tidy(demo)
                if allocator.held() > low + _MUCH:
                    allocator.give_back()
                    low = allocator.held()
                low = min(low, allocator.held())
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
    """Gradio keeps what it knows of a visitor when they have left."""
    keeper = demo.app.state_holder
    patience = datetime.timedelta(seconds=demo.context.limits.kept_seconds)
    for session, state in list(keeper.session_data.items()):
        used = keeper.time_last_used.get(session)
        if state.is_closed and used is not None and datetime.datetime.now() - used > patience:
            with keeper.lock:
                keeper.session_data.pop(session, None)
                keeper.time_last_used.pop(session, None)
