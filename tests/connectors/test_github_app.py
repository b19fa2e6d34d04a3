"""The `github` connector as a GitHub App, with a local server that verifies the signature."""

import base64
import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.builders.git_repositories import git_server, new_repository
from waivern.components.environment import use_environment
from waivern.connectors.git import properties as git_properties
from waivern.connectors.git.factory import GithubConnectorFactory
from waivern.errors import ComponentError, InvalidPropertiesError
from waivern.messages.canonical import canonical_bytes
from waivern.messages.schema import Schema

STANDARD_INPUT = Schema("standard_input", "1.0.0")
TOKEN = "ghs_0123456789abcdef"


@dataclass
class Api:
    """Returns `TOKEN` for requests signed by app 12 for installation 345, or a configured response."""

    key: rsa.RSAPublicKey
    status: int = 201
    body: bytes = json.dumps({"token": TOKEN}).encode()
    address: str = ""
    claims: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        if path != "/app/installations/345/access_tokens":
            return 404, b"{}"
        signed, _, signature = authorization.removeprefix("Bearer ").rpartition(".")
        try:
            self.key.verify(from_base64(signature), signed.encode(), PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return 401, b"{}"
        self.claims.append(json.loads(from_base64(signed.partition(".")[2])))
        return self.status, self.body


def from_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextmanager
def serving(api: Api) -> Iterator[Api]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = api.answer(self.path, self.headers["Authorization"])
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def key_file(key: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    file = tmp_path / "app.pem"
    file.write_bytes(as_pem(key))
    return file


def as_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def scan(environment: Mapping[str, str] | None = None, **properties: Any) -> Mapping[str, Any]:
    with use_environment(environment or {}, secrets=set()):
        connector = GithubConnectorFactory().create({"repository": "anna/shop", "auth_method": "app", **properties})
    return connector.extract(STANDARD_INPUT).content


def test_an_app_exchanges_its_signature_for_a_token_and_reads_with_it(
    key: rsa.RSAPrivateKey, key_file: Path, tmp_path: Path
) -> None:
    new_repository(tmp_path / "repositories" / "anna" / "shop.git", {"a.txt": "1"})
    environment = {
        "GITHUB_APP_ID": "12",
        "GITHUB_INSTALLATION_ID": "345",
        "GITHUB_PRIVATE_KEY_PATH": str(key_file),
        "GITHUB_TOKEN": "ghp_not_meant",
    }
    with serving(Api(key.public_key())) as api, git_server(tmp_path / "repositories", password=TOKEN) as server:
        content = scan(environment, base_url=server.address, api_url=api.address)
    assert [item["content"] for item in content["data"]] == ["1"]
    assert {login for _, _, login in server.seen} == {"", f"x-access-token:{TOKEN}"}
    (claim,) = api.claims
    assert claim["iss"] == "12"
    assert claim["iat"] < time.time() < claim["exp"] < claim["iat"] + 601
    assert TOKEN.encode() not in canonical_bytes(content)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (401, b"{}", "it responds with status 401"),
        (302, b"", "it responds with status 302"),
        (201, b"no json", "its response contains no token"),
        (201, b"[1]", "its response contains no token"),
        (201, b'{"token": ""}', "its response contains no token"),
    ],
)
def test_a_refused_token_request_is_an_error_with_a_remedy(
    key: rsa.RSAPrivateKey, key_file: Path, status: int, body: bytes, why: str
) -> None:
    with (
        serving(Api(key.public_key(), status, body)) as api,
        pytest.raises(ComponentError, match=f"gives no token to the GitHub App 12: {why}. Check `app_id`"),
    ):
        scan(app_id=12, installation_id=345, private_key_path=str(key_file), api_url=api.address)


def test_an_unreachable_api_is_an_error(key_file: Path) -> None:
    with pytest.raises(ComponentError, match="no token to the GitHub App 12: it cannot be reached"):
        scan(app_id=12, installation_id=345, private_key_path=str(key_file), api_url="http://127.0.0.1:9")


def test_an_unusable_key_is_an_error_that_does_not_show_it(tmp_path: Path) -> None:
    given = {"app_id": 12, "installation_id": 345, "api_url": "http://127.0.0.1:9"}
    with pytest.raises(ComponentError, match="none.pem of the GitHub App cannot be used: No such file"):
        scan(**given, private_key_path=str(tmp_path / "none.pem"))
    wrong = tmp_path / "wrong.pem"
    for content, why in (
        (b"rubbish", "not a PEM private key"),
        (as_pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
    ):
        wrong.write_bytes(content)
        with pytest.raises(ComponentError, match=why):
            scan(**given, private_key_path=str(wrong))


def test_missing_properties_of_an_app_are_reported_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidPropertiesError, match="`app` needs `installation_id`, `private_key_path`"):
        scan(app_id=12)
    whole = {"app_id": 12, "installation_id": 345, "private_key_path": "app.pem"}
    with pytest.raises(InvalidPropertiesError, match="`app` needs https://"):
        scan(**whole, base_url="http://github.example.org")
    with pytest.raises(InvalidPropertiesError, match="api_url"):
        scan(**whole, api_url="http://github.example.org/api/v3")
    monkeypatch.setattr(git_properties, "find_spec", lambda name: None)
    with pytest.raises(InvalidPropertiesError, match=r"pip install 'waivern\[crypto\]'"):
        scan(**whole)


@pytest.mark.parametrize(
    ("base_url", "api"),
    [("https://github.com", "https://api.github.com"), ("https://git.example.org/", "https://git.example.org/api/v3")],
)
def test_the_api_address_is_derived_from_the_base_url(base_url: str, api: str) -> None:
    assert git_properties.GithubProperties(repository="a/b", base_url=base_url).api == api
