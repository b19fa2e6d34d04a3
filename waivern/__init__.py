"""Waivern: scheduled compliance scans that remember everything.

The public names below are imported on first use, so that `import waivern` stays cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
