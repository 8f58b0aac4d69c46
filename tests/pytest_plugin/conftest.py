"""What runs pytest with the plugin."""

from tests.pytest_plugin.running import suite as suite
