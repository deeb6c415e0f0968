"""Where visitors' files lie: in a folder of this process's own.

Gradio calls a file by its content and deletes what an app was sent when the app is closed: of two
apps with one folder, each would delete what the other's visitors are looking at.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

FOLDER_VARIABLE = "GRADIO_TEMP_DIR"
"""Gradio's own: where it keeps files. Ours lie in a folder inside."""


@cache
def own_uploads() -> Path:
    """Make the folder, tell Gradio, and take it away at the end; the same for every app of a
    process."""
    asked = os.environ.get(FOLDER_VARIABLE)
    if asked:
        Path(asked).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="pix2seq-uploads-", dir=asked or None)).resolve()
    os.environ[FOLDER_VARIABLE] = str(folder)
    atexit.register(forget_uploads)
    return folder


def drop_uploads(files: Iterable[Path]) -> None:
    """Delete some of what visitors have sent; other files are left alone."""
    for file in files:
        if file.resolve().is_relative_to(own_uploads()):
            with suppress(OSError):  # its folder, of files with one content, goes with the last
                file.unlink(missing_ok=True)
                file.parent.rmdir()


def forget_uploads() -> None:
    """Delete what visitors have sent."""
    shutil.rmtree(own_uploads(), ignore_errors=True)
