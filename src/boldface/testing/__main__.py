"""``python -m boldface.testing docs/matrix.md`` writes the route x architecture matrix."""

import sys
from pathlib import Path

from boldface.testing.matrix import matrix

if len(sys.argv) != 2:
    sys.exit("usage: python -m boldface.testing FILE")
Path(sys.argv[1]).write_text(matrix(), encoding="utf-8")
