"""A real S3 server for tests: moto, which implements the protocol over HTTP."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from moto.server import ThreadedMotoServer


@dataclass(frozen=True)
class S3Server:
    """A running server; `reset` deletes all its data."""

    endpoint: str

    def client(self, key: str = "a-user", secret: str = "a-secret-key") -> Any:
        import boto3

        credentials = {"aws_access_key_id": key, "aws_secret_access_key": secret}
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", **credentials)

    def fill(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        client = self.client()
        client.create_bucket(Bucket=bucket)
        for key, content in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=content)

    def options(self, key: str = "a-user", secret: str = "a-secret-key") -> dict[str, str]:
        """Return the `storage_options` for the server."""
        return {"key": key, "secret": secret, "endpoint_url": self.endpoint}

    def reset(self) -> None:
        self._post("reset")

    @contextmanager
    def requiring_authentication(self) -> Iterator[None]:
        """Require authentication for every request inside the block."""
        self._post("reset-auth", 0)
        try:
            yield
        finally:
            self._post("reset-auth", float("inf"))

    def _post(self, action: str, number: float | None = None) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=30)
        connection.request("POST", f"/moto-api/{action}", None if number is None else json.dumps(number))
        assert connection.getresponse().status == 200
        connection.close()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
