"""``build_demo``: the page, tab by tab."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

import pix2seq
from pix2seq.checkpoints import menu_title, offered
from pix2seq.hub import repo_of
from pix2seq.predictor import Predictor
from pix2seq.ui.about.tab import build_about_tab
from pix2seq.ui.api.endpoints import build_api
from pix2seq.ui.compare.tab import build_compare_tab
from pix2seq.ui.fork.tab import build_fork
from pix2seq.ui.lab.tab import build_lab_tab
from pix2seq.ui.learn.tab import build_learn_tab
from pix2seq.ui.page import assets
from pix2seq.ui.page.footer import build_footer
from pix2seq.ui.page.frontend import Frontend
from pix2seq.ui.page.gate import Gate
from pix2seq.ui.page.head import head
from pix2seq.ui.page.header import build_header
from pix2seq.ui.page.inputs import Page
from pix2seq.ui.page.theme import explorer_theme
from pix2seq.ui.page.uploads import own_uploads
from pix2seq.ui.visit import zero
from pix2seq.ui.visit.context import MODEL_QUEUE, AppContext
from pix2seq.ui.visit.limits import Limits
from pix2seq.ui.visit.shelf import ModelShelf
from pix2seq.ui.visit.visitor import session_of
from pix2seq.ui.write.tab import build_write_tab

TITLE = "Pix2Seq Explorer"
_THREADS = 24  # beside those that the network's requests take

TABS: tuple[tuple[str, str, Callable[[AppContext], None]], ...] = (
    ("Write", "write", build_write_tab),
    ("Compare", "compare", build_compare_tab),
    ("Experiments", "lab", build_lab_tab),
    ("Learn", "learn", build_learn_tab),
    ("About the model", "about", build_about_tab),
)
"""(title, id, builder) in page order; *Write* comes first because it makes the shared widgets."""


def build_demo(
    checkpoint: str | Path = "mini",
    device: str = "auto",
    *,
    load: Callable[[str], Predictor] | None = None,
    names: Sequence[str] = (),
) -> gr.Blocks:
    """Make the app; queue and launch it with ``launch_options()``.

    Args:
        checkpoint: the name or folder that the page opens with.
        device: where models run.
        load: replaces ``pix2seq.load`` (tests hand in scripted predictors).
        names: what the menu offers besides ``checkpoint``; by default what ``offered`` says.
    """
    own_uploads()
    _count_nothing()
    default = str(checkpoint)
    if load is None:

        def load(name: str) -> Predictor:
            # On ZeroGPU the GPU is lent for writing; questions are answered on the CPU.
            place = "cpu" if zero.AVAILABLE else device
            return pix2seq.load(name, place, context.shelf.report(name))

        names = names or offered()
    context = AppContext(
        shelf=ModelShelf(load),
        default_checkpoint=default,
        choices=[(_shown(name), name) for name in dict.fromkeys([default, *names])],
    )
    gr.set_static_paths([assets.EXAMPLES])  # served as they are, wherever the app was started from
    with Page(title=TITLE, analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        build_header(context, TITLE)
        with gr.Tabs(elem_id="tabs"):
            for title, name, build in TABS:
                with gr.Tab(title, id=name, elem_id=f"tab-{name}"):
                    build(context)
                    if build is build_write_tab:
                        build_fork(context)  # the dock under the stage
        build_footer(TITLE)
        build_api(context)

        def leave(request: gr.Request) -> None:
            context.sessions.leave(session_of(request))

        demo.unload(leave)
    for event in demo.fns.values():
        if event.concurrency_id == MODEL_QUEUE["concurrency_id"]:
            event.concurrency_limit = context.limits.at_once
    demo.context = context
    demo.sessions = context.sessions  # whoever ends the server ends the sentences first
    return demo.queue()  # the gate knows when it is full


def _count_nothing() -> None:
    """Gradio makes a table of all requests so far, with pandas, at the end of every one, for a page
    that the gate does not serve."""
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")


def launch_options() -> dict:
    """Arguments for ``launch`` that belong to the page: theme, head (style and scripts), limits."""
    limits = Limits.of_this_server()
    return {
        "theme": explorer_theme(),
        "head": head(),
        "app_kwargs": {"middleware": [Middleware(Frontend), Middleware(Gate, limits)]},
        "state_session_capacity": limits.tabs,
        "max_file_size": limits.upload_mb << 20,
        "max_threads": limits.at_once + _THREADS,
        "ssr_mode": False,
        # Else Gradio gives up where its own page takes more than three seconds on a busy machine.
        "_frontend": False,
        "footer_links": [],
        "favicon_path": str(assets.FAVICON),
    }


def _shown(name: str) -> str:
    """A checkpoint's name in the menu, with the size of a download that choosing it would start; a
    folder is shown by its last part, a repository on the hub by its whole name."""
    if (repo := repo_of(name)) is not None:
        return str(repo)
    return menu_title(name) if Path(name).name == name else Path(name).name or name
