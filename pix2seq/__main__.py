"""``python -m pix2seq``: the command line."""

import sys

from pix2seq.cli import main

if __name__ == "__main__":
    sys.exit(main())
