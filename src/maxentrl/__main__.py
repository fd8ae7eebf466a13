"""``python -m maxentrl``."""

import sys

from maxentrl.cli.main import main

sys.exit(main())
