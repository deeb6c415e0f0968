"""Serve the page: what ``pix2seq app`` and ``python app.py`` do.

A Space, or a container, is set up by variables instead of options: ``PIX2SEQ_CHECKPOINT``,
``PIX2SEQ_DEVICE``, ``PIX2SEQ_CHECKPOINTS`` (what the menu offers, by commas), and Gradio's own
``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT``. Gradio is imported when the server starts, so
that ``--help`` and a mistyped option answer at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import threading
import time
from typing import Any

from pix2seq import allocator, logs
from pix2seq.checkpoints.registry import default_name
from pix2seq.config import ConfigError
from pix2seq.hub import check_name
from pix2seq.postponed import postponed
from pix2seq.version import version_text

LAST_WORDS_SECONDS = 2.5
"""What sentences that are being written get to end with a line, once the server is told to end."""

_DELIVERY_SECONDS = 0.5  # for those lines to reach the visitors
_PATIENCE_SECONDS = 1.5  # for the server to close; a computation that does not end is left behind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The app's options; defaults run on any machine."""
    parser.add_argument("--host", default=None, help="address to listen on (default: this machine)")
    parser.add_argument("--port", type=int, default=None, help="port (default: the first free one)")
    parser.add_argument(
        "--checkpoint",
        default=default_name(),
        help="name or folder to open with (default: %(default)s)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--share", action="store_true", help="ask Gradio for a public link")
    parser.add_argument(
        "--log-level",
        default=logs.default_level(),
        help=f"one of {', '.join(logs.LEVELS)} (default: %(default)s); from info on, a JSON line "
        "per run",
    )


def serve(args: argparse.Namespace) -> None:
    """Build, queue, launch; blocks until the process is told to end.

    Raises:
        ConfigError: the checkpoint, the device, the address or the port cannot be used.
    """
    if args.port is not None and not 1 <= args.port <= 65535:
        raise ConfigError(f"--port is {args.port}; use 1 to 65535")
    if args.log_level not in logs.LEVELS:
        raise ConfigError(f"--log-level is {args.log_level!r}; use {', '.join(logs.LEVELS)}")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no request leaves the machine
    os.environ.setdefault("MPLBACKEND", "agg")  # else Gradio loads all of Matplotlib to find one
    allocator.use_few_arenas()  # before threads are started
    check_name(args.checkpoint)  # what is not here may come later, by download
    from pix2seq.device import pick_device

    pick_device(args.device)
    with postponed("pandas"):
        from pix2seq.ui import add_health, build_demo, keep_house, launch_options

    logs.start(args.log_level)
    demo = build_demo(args.checkpoint, args.device)
    try:
        app, url, _ = demo.launch(
            server_name=args.host,
            server_port=args.port,
            share=args.share,
            prevent_thread_lock=True,
            **launch_options(),
        )
    except OSError as error:  # the port is taken, or the address is not this machine's
        where = f"{args.host or '127.0.0.1'}:{args.port or 'any port from 7860'}"
        raise ConfigError(
            f"the app cannot listen on {where} ({error}); end what does, or choose another --port"
        ) from None
    add_health(app, demo.context)
    keep_house(demo)
    gc.collect()
    gc.freeze()  # modules and page stay to the end: a search among them stops everybody for 0.3 s
    threading.Thread(target=_compile_ahead, daemon=True).start()
    logs.event("ready", url=url, checkpoint=args.checkpoint, version=version_text())
    _wait_for_the_end()
    _close(demo)


def _compile_ahead() -> None:
    """What writing runs first, then what a tree does."""
    from pix2seq.branching.peaks import splitter
    from pix2seq.sampling.picking import compile_ahead

    compile_ahead()
    splitter()


def _wait_for_the_end() -> None:
    """Until SIGTERM (a container's end) or Ctrl-C."""
    told = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
    told.wait()


def _close(demo: Any) -> None:
    """End the sentences that are being written with a line, then the server."""
    from pix2seq.ui.page.uploads import forget_uploads

    print("pix2seq: closing; sentences that are being written end here", file=sys.stderr)
    logs.event("closing", writing=demo.sessions.writing())
    demo.sessions.stop_all()
    latest = time.monotonic() + LAST_WORDS_SECONDS
    while demo.sessions.writing() and time.monotonic() < latest:
        time.sleep(0.05)
    time.sleep(_DELIVERY_SECONDS)
    closing = threading.Thread(target=demo.close, kwargs={"verbose": False}, daemon=True)
    closing.start()
    closing.join(_PATIENCE_SECONDS)
    forget_uploads()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # worker threads, which Python would wait for, may be in the middle of a network
