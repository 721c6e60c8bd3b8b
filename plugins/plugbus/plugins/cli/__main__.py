"""``python -m plugbus.plugins.cli``."""

import sys

from .main import main

sys.exit(main())
