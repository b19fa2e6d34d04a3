"""Addresses and connection strings: no part of a credential is shown, however it is written."""

import pytest

from waivern.addresses import has_ambiguous_login, hide_secrets, secrets_in, shown_address, without_logins
from waivern.runbooks.variables.redaction import Redactor

TRICKY = [
    ("postgresql://ann:p4ss-w0rd@db/shop", ["p4ss-w0rd"]),
    ("postgresql://ann:first@second@db/shop", ["first@second", "first", "second"]),
    ("postgresql://ann:first/second@db/shop", ["first/second", "first", "second"]),
    ("postgresql://ann:first#second@db/shop", ["first#second", "first", "second"]),
    ("postgresql://ann:first?second@db/shop", ["first?second", "first", "second"]),
    ("postgresql://ann:first second@db/shop", ["first second", "first", "second"]),
    ("postgresql://ann:first/se@cond#third@db/shop", ["first", "cond", "third"]),
    ("postgresql://ann:p4ss%40w0rd@db1:5432,db2:5433/shop", ["p4ss%40w0rd", "p4ss@w0rd"]),
    ("mongodb://ann:p4ss-w0rd@db1,db2:27018/shop?replicaSet=a@b", ["p4ss-w0rd"]),
    ("https://ghp_0123456789@example.org/shop.git", ["ghp_0123456789"]),
    ("https://ghp_0123456789:x-oauth-basic@example.org/shop.git", ["ghp_0123456789"]),
    ("https://ghp_0123456789:@example.org/shop.git", ["ghp_0123456789"]),
    ("redis://:p4ss-w0rd@db/0", ["p4ss-w0rd"]),
    ("postgresql://db/shop?user=ann&password=first&second third&sslmode=require", ["first&second third", "first"]),
    ("postgresql://db/shop?password=first#second", ["first#second", "second"]),
    ("postgresql://db/shop?password=first second", ["first second", "second"]),
    ("https://store/a?se=1&sig=first%2Bsecond%3D", ["first%2Bsecond%3D", "first+second="]),
    ("https://store/a?X-Amz-Signature=0123456789abcdef&X-Amz-Date=1", ["0123456789abcdef"]),
    ("host=db user=ann password=p4ss-w0rd dbname=shop", ["p4ss-w0rd"]),
    ("host=db password='first \\'second' dbname=shop", ["first 'second"]),
    ("host=db password=first second dbname=shop", ["first second", "second"]),
    ("password = p4ss-w0rd host = db", ["p4ss-w0rd"]),
    ("Driver={ODBC Driver 18};Server=db;UID=ann;PWD=p4ss-w0rd;Encrypt=yes", ["p4ss-w0rd"]),
    ("Server=db;PWD={first;se}}cond};Encrypt=yes", ["first;se}cond", "first;se}}cond"]),
    ("Server=db;Password=first;second;Integrated Security=no", ["first;second", "second"]),
    ('Server=db;Password="first""second";Encrypt=yes', ['first"second']),
    ("mssql+pyodbc:///?odbc_connect=Server%3Ddb%3BPWD%3D%7Bp4ss-w0rd%7D%3BEncrypt%3Dyes", ["p4ss-w0rd"]),
    ("DefaultEndpointsProtocol=https;AccountKey=first/second==;EndpointSuffix=x", ["first/second=="]),
]
NOT_SECRET = {"db", "db1", "shop", "require", "example.org", "store", "yes", "sslmode", "Encrypt", "replicaSet", "x"}


@pytest.mark.parametrize(("address", "secrets"), TRICKY)
def test_every_secret_of_an_address_is_known(address: str, secrets: list[str]) -> None:
    found = set(secrets_in(address))
    assert found.issuperset(secrets)
    assert not found & NOT_SECRET


@pytest.mark.parametrize(("address", "secrets"), TRICKY)
def test_no_secret_of_an_address_is_shown(address: str, secrets: list[str]) -> None:
    redactor = Redactor({"ADDRESS": address})
    for secret in secrets:
        error = f"cannot use {address}: invalid option '{secret}'"
        for shown in (redactor.text(error), hide_secrets(error, address)):
            assert not [secret for secret in secrets if secret in shown], shown


def test_a_password_that_looks_like_a_port_is_known() -> None:
    assert "1234/second" in set(secrets_in("postgresql://ann:1234/second@db/shop"))


@pytest.mark.parametrize(
    ("address", "secrets"), [(address, secrets) for address, secrets in TRICKY if "://" in address]
)
def test_an_address_is_shown_without_its_secrets(address: str, secrets: list[str]) -> None:
    shown = shown_address(address)
    assert not [secret for secret in secrets if secret in shown]
    assert "@" not in shown
    assert "?" not in shown


@pytest.mark.parametrize(
    "address",
    [
        *("s3://bucket/folder@2x/a.txt", "https://example.org:8080/users/ann@example.org", "http://[::1]:80/a@b"),
        *("./folder", "C:\\data", "git@example.org:shop.git", "file:///srv/a b.txt", "gs://bucket/a:b@c"),
    ],
)
def test_an_address_without_credentials_is_shown_as_it_is(address: str) -> None:
    assert shown_address(address) == address
    assert without_logins(f"cannot read {address}") == f"cannot read {address}"
    assert hide_secrets(f"cannot read {address}", address) == f"cannot read {address}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no https://ann@example.org/x", "no https://***@example.org/x"),
        ("no 'pg://ann:a b@db' here", "no 'pg://***@db' here"),
        ("write postgresql://USER@HOST/NAME", "write postgresql://USER@HOST/NAME"),
        ("such as postgresql://user:password@host/database", "such as postgresql://user:password@host/database"),
        ("pg://a:b@c and pg://d:e@f", "pg://***@c and pg://***@f"),
    ],
)
def test_logins_are_replaced_in_texts(text: str, shown: str) -> None:
    assert without_logins(text) == shown


@pytest.mark.parametrize(
    ("url", "is_ambiguous"),
    [
        ("postgresql://ann:a%40b@db/shop", False),
        ("postgresql://ann:a/b@db/shop?host=x@y", False),
        ("postgresql://ann@db/shop", False),
        ("postgresql://ann:a@b@db/shop", True),
        ("postgresql://ann:a@b/c@db/shop", True),
        ("sqlite:////srv/a:b@c@d.db", False),
    ],
)
def test_a_url_whose_password_has_an_at_sign_is_ambiguous(url: str, is_ambiguous: bool) -> None:
    assert has_ambiguous_login(url) is is_ambiguous
