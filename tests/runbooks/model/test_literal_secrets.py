"""Secrets that must not be written into a schedule, because its terms are stored and shown."""

from typing import Any

import pytest
from pydantic import ValidationError

from waivern.runbooks.model.literal_secrets import host_of
from waivern.runbooks.model.schedule_config import ScheduleConfig

ACCEPTED_URLS = [
    "https://hooks.example.org",
    "https://hooks.example.org:8443/",
    "https://hooks.example.org/api/v2/hooks/waivern",
    "${HOOK_URL}",
    "https://hooks.slack.com/services/${SLACK_KEY}",
    "https://${HOST}/hooks/${KEY}",
    "https://hooks.example.org/?token=${TOKEN}&${MORE}",
    "https://${LOGIN}:${PASSWORD}@hooks.example.org/",
]
REFUSED_URLS = [
    "https://hooks.slack.com/services/T00000000/B00000000/hunter2hunter2",
    "https://discord.com/api/webhooks/1234567890/hunter2",
    "https://example.webhook.office.com/webhookb2/hunter2@x/IncomingWebhook/y/z",
    "https://example.org/hunter",
    "https://example.org/hooks/${KEY}hunter2",
    "https://example.org/?token=hunter2",
    "https://example.org/?hunter2",
    "https://example.org?a=${KEY}&b=hunter2",
    "https://example.org/#hunter2",
    "https://example.org\\hunter2",
    "https://bo:hunter2@example.org/",
    "https://hunter2@example.org/",
    "https://bo:${PASSWORD}hunter2@example.org/",
    "https://example.org/${KEY:-hunter2}",
    "https://example.org/$${hunter2}",
    "${URL:-https://example.org/hunter2}",
    "${URL}/hunter2",
]


def config(**notify: Any) -> ScheduleConfig:
    return ScheduleConfig.model_validate({"cron": "@daily", "notify": notify})


@pytest.mark.parametrize("url", ACCEPTED_URLS)
def test_a_url_without_literal_secret_is_accepted(url: str) -> None:
    assert config(webhook={"url": url}).notify is not None


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_literal_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        config(webhook={"url": url})
    message = refused.value.errors()[0]["msg"]
    assert "may contain a secret" in message
    assert "write ${NAME}" in message
    assert "hunter" not in message


@pytest.mark.parametrize("secret", ["${SECRET}", "whsec_${SECRET}"])
def test_a_signing_secret_is_a_variable(secret: str) -> None:
    assert config(webhook={"url": "https://x", "secret": secret}).notify is not None


@pytest.mark.parametrize("secret", ["hunter2", "whsec_aHVudGVyMg==", "whsec_", "${S}hunter2", "${S:-hunter2}", "$${S}"])
def test_a_literal_signing_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError, match="secret would be stored.*write .{NAME}"):
        config(webhook={"url": "https://x", "secret": secret})


@pytest.mark.parametrize(
    "command",
    [
        ["/bin/curl", "-d", "@-", "https://hooks.slack.com/services/T0/B0/hunter2"],
        ["/opt/page", "--api-key", "hunter2"],
        ["/opt/page", "--token=hunter2"],
        ["/opt/page", "PASSWORD=hunter2"],
    ],
)
def test_a_literal_secret_of_a_command_is_refused(command: list[str]) -> None:
    with pytest.raises(ValidationError, match="an argument that may be a secret"):
        config(command=command)


def test_other_arguments_of_a_command_are_accepted() -> None:
    assert config(command=["/opt/page", "--low", "--token", "${TOKEN}", "--level=2", "https://example.org/"])


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://bo:x@Hooks.example.org:8443/secret", "Hooks.example.org"),
        ("HTTPS://[2606:4700::1]/secret", "[2606:4700::1]"),
        ("https://example.org\\secret", "example.org"),
        ("${URL}", None),
        ("https://${HOST}/", None),
        ("", None),
    ],
)
def test_of_a_url_only_the_host_is_shown(url: str, host: str | None) -> None:
    assert host_of(url) == host
