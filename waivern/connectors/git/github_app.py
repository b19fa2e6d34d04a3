"""Authentication as a GitHub App: a request signed with its key returns a token that is valid for one hour."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from waivern.errors import ComponentError

_TIMEOUT_S = 30
_MAX_RESPONSE_BYTES = 1_000_000
_CLOCK_SKEW_S, _VALIDITY_S = 60, 540  # GitHub accepts at most ten minutes


@dataclass(frozen=True)
class GithubApp:
    """One installation of an app.

    Args:
        api: The address of the server's API.
        key_file: The app's private key, as PEM.
    """

    api: str
    app_id: int
    installation_id: int
    key_file: Path = field(repr=False)

    def token(self) -> str:
        """Request a token for the installation.

        Raises:
            ComponentError: the key cannot be used, or the server refuses it.
        """
        request = Request(  # noqa: S310  `properties` checks that the scheme is http or https
            f"{self.api}/app/installations/{self.installation_id}/access_tokens",
            method="POST",
            headers={"Authorization": f"Bearer {self._signed_claims()}", "Accept": "application/vnd.github+json"},
        )
        try:
            with build_opener(_NoRedirects).open(request, timeout=_TIMEOUT_S) as response:
                body = json.loads(response.read(_MAX_RESPONSE_BYTES))
        except HTTPError as error:
            with error:
                raise self._refusal(f"it responds with status {error.code}") from None
        except (URLError, TimeoutError, HTTPException, OSError):
            raise self._refusal("it cannot be reached") from None
        except ValueError:
            body = None
        token = body.get("token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            raise self._refusal("its response contains no token")
        return token

    def _signed_claims(self) -> str:
        """Return a JSON Web Token (RFC 7519) signed with RS256 (RFC 7518)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.key_file.read_bytes(), password=None)
        except OSError as error:
            raise self._key_error(str(error.strerror)) from None
        except (ValueError, TypeError):
            raise self._key_error("it is not a PEM private key without a password") from None
        if not isinstance(key, RSAPrivateKey):
            raise self._key_error("it is not an RSA key")
        now = int(time.time())
        claims = {"iat": now - _CLOCK_SKEW_S, "exp": now + _VALIDITY_S, "iss": str(self.app_id)}
        signed = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{signed}.{_base64(key.sign(signed.encode(), PKCS1v15(), hashes.SHA256()))}"

    def _key_error(self, reason: str) -> ComponentError:
        return ComponentError(
            f"The private key {self.key_file.name} of the GitHub App cannot be used: {reason}",
            remedy="Correct `private_key_path` or GITHUB_PRIVATE_KEY_PATH",
        )

    def _refusal(self, reason: str) -> ComponentError:
        return ComponentError(
            f"The server {self.api} gives no token to the GitHub App {self.app_id}: {reason}",
            remedy="Check `app_id`, `installation_id`, the key and `api_url`",
        )


class _NoRedirects(HTTPRedirectHandler):
    """Refuses redirects, which would send the signed claims to another server."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
