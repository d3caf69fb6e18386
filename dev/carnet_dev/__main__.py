"""`python -m carnet_dev`."""

import sys

from carnet_dev.cli import main

if __name__ == "__main__":
    sys.exit(main())
