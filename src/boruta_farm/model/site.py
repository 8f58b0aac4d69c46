"""Places whose boards have a relay of their own there."""

import re
from typing import Final

SITE_PATH: Final = "/api/v1/sites/{site}/relay"
"""Where a site's relay connects to a server."""
SITE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""The names of sites, which stand in addresses and in capabilities."""
