"""Settings of what the server tells: its log, and webhooks."""

from dataclasses import dataclass

from boruta_farm.model.addresses import Network
from boruta_farm.server.kinds import LogFormat, LogLevel, SigningSecret, WebhookAddress
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Maybe, OneOf, Several
from boruta_farm.settings.places import IpNetwork
from boruta_farm.settings.table import SettingError


@dataclass(frozen=True, kw_only=True)
class TellingSettings:
    """Carry how the log is written, and where the farm's messages go."""

    log_format: LogFormat = setting(
        OneOf(LogFormat), "Form of the log: human or json.", default=LogFormat.HUMAN
    )
    log_level: LogLevel = setting(
        OneOf(LogLevel),
        "The least important lines logged: debug, info, warning or error.",
        default=LogLevel.INFO,
    )
    notify: str | None = setting(
        Maybe(WebhookAddress()),
        "The farm's webhook, such as https://HOST/PATH: told when a request is granted, near its "
        "end, asked about, or loses its board. Accounts may have webhooks of their own.",
        default=None,
    )
    notify_secret: str | None = setting(
        Maybe(SigningSecret()),
        "What signs the farm's messages, as echo whsec_$(openssl rand -base64 32) makes it.",
        default=None,
        hidden=True,
    )
    notify_allow: tuple[Network, ...] = setting(
        Several(IpNetwork(), commas=True),
        "Private networks, separated by commas, into which webhooks may lead. Without them the "
        "server calls public addresses alone, over https.",
        default=(),
    )

    def check_webhook(self) -> None:
        """Refuse a webhook without its secret, or the secret alone. Raises SettingError."""
        if (self.notify is None) != (self.notify_secret is None):
            raise SettingError(
                "notify and notify_secret belong together: set both, or neither",
                "notify_secret" if self.notify is None else "notify",
            )
