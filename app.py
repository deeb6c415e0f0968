"""Start the web app: ``python app.py [--checkpoint mini] [--port 7860]``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no request leaves the machine

from pix2seq.checkpoints import CHECKPOINTS, locate
from pix2seq.config import ConfigError
from pix2seq.device import pick_device
from pix2seq.ui import build_demo, launch_options


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; defaults run on any machine."""
    parser = argparse.ArgumentParser(description="Pix2Seq Explorer: watch a detector write.")
    parser.add_argument("--host", default=None, help="address to listen on (default: this machine)")
    parser.add_argument("--port", type=int, default=None, help="port (default: the first free one)")
    parser.add_argument("--checkpoint", default="mini", help="name or folder to open with")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--share", action="store_true", help="ask Gradio for a public link")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Build, queue, launch; blocks until interrupted. Returns 2 where it cannot start."""
    arguments = parse_arguments(argv)
    try:
        pick_device(arguments.device)
        if arguments.checkpoint not in CHECKPOINTS:  # those may come later, by download
            locate(arguments.checkpoint)
        demo = build_demo(arguments.checkpoint, arguments.device)
        demo.launch(
            server_name=arguments.host,
            server_port=arguments.port,
            share=arguments.share,
            **launch_options(),
        )
    except (ConfigError, OSError) as error:  # OSError: the port is taken, the address is not ours
        print(f"app.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
