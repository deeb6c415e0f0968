"""Start the web app from a checkout: ``python app.py [--checkpoint mini] [--port 7860]``.

The same as ``pix2seq app``; a Hugging Face Space starts this file.
"""

import sys

from pix2seq.cli import main

if __name__ == "__main__":
    sys.exit(main(["app", *sys.argv[1:]]))
