"""A GitHub App as the one who asks: its key signs who it is, and the server answers with a token of an hour."""

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

_ANSWERS_WITHIN_S = 30
_LONGEST_ANSWER = 1_000_000
_EARLIER_S, _LATER_S = 60, 540  # clocks may differ, and GitHub takes ten minutes at the most


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
        """Ask for a token of the installation.

        Raises:
            ComponentError: the key cannot be used, or the server refuses it.
        """
        request = Request(  # noqa: S310  the address is of http or https: see `properties`
            f"{self.api}/app/installations/{self.installation_id}/access_tokens",
            method="POST",
            headers={"Authorization": f"Bearer {self._claim()}", "Accept": "application/vnd.github+json"},
        )
        try:
            with build_opener(_Nowhere).open(request, timeout=_ANSWERS_WITHIN_S) as answer:
                said = json.loads(answer.read(_LONGEST_ANSWER))
        except HTTPError as error:
            with error:
                raise self._refused(f"it answers with the status {error.code}") from None
        except (URLError, TimeoutError, HTTPException, OSError):
            raise self._refused("it cannot be reached") from None
        except ValueError:
            said = None
        token = said.get("token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token:
            raise self._refused("its answer holds no token")
        return token

    def _claim(self) -> str:
        """What the app says of itself, signed (RFC 7519, with RS256 of RFC 7518)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.key_file.read_bytes(), password=None)
        except OSError as error:
            raise self._unusable(str(error.strerror)) from None
        except (ValueError, TypeError):
            raise self._unusable("it is no private key without a password, as PEM") from None
        if not isinstance(key, RSAPrivateKey):
            raise self._unusable("it is no RSA key")
        now = int(time.time())
        said = {"iat": now - _EARLIER_S, "exp": now + _LATER_S, "iss": str(self.app_id)}
        signed = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(said)}"
        return f"{signed}.{_in_base64(key.sign(signed.encode(), PKCS1v15(), hashes.SHA256()))}"

    def _unusable(self, why: str) -> ComponentError:
        return ComponentError(
            f"The private key {self.key_file.name} of the GitHub App cannot be used: {why}",
            remedy="Correct `private_key_path` or GITHUB_PRIVATE_KEY_PATH",
        )

    def _refused(self, why: str) -> ComponentError:
        return ComponentError(
            f"The server {self.api} gives the GitHub App {self.app_id} no token: {why}",
            remedy="Check `app_id`, `installation_id`, the key and `api_url`",
        )


class _Nowhere(HTTPRedirectHandler):
    """What is sent on to another address would take the claim along."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _encoded(said: Mapping[str, Any]) -> str:
    return _in_base64(json.dumps(said, separators=(",", ":")).encode())


def _in_base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
