"""``/healthz``: what a container's health check, a load balancer or a person asks first."""

from __future__ import annotations

import time
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

import pix2seq
from pix2seq.ui.visit.context import AppContext
from pix2seq.version import commit

PATH = "/healthz"


def add_health(app: FastAPI, context: AppContext) -> None:
    """Answer at ``/healthz``: 200 while the page can be served, also where no checkpoint could be
    loaded (recorded examples play then; ``problem`` says why)."""
    started = time.monotonic()

    async def healthz() -> JSONResponse:  # on the loop: no thread has to be free for it
        return JSONResponse(
            health(context, time.monotonic() - started), headers={"Cache-Control": "no-store"}
        )

    # Before Gradio's own routes, one of which takes any path.
    app.router.routes.insert(0, APIRoute(PATH, healthz, methods=["GET", "HEAD"]))


def health(context: AppContext, seconds: float) -> dict[str, Any]:
    """The answer, as plain values; nothing in it concerns a visitor."""
    predictor = context.shelf.peek(context.default_checkpoint)
    return {
        "status": "ok" if predictor is not None else "degraded",
        "version": pix2seq.__version__,
        "commit": commit(),
        "checkpoint": None if predictor is None else predictor.name,
        "device": None if predictor is None else str(predictor.device),
        "problem": context.problem,
        "writing": context.sessions.writing(),
        "seconds": round(seconds, 1),
    }
