"""A real S3 server for tests: moto's, which speaks the protocol over HTTP."""

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
    """Where the server is; it forgets all when it is `reset`."""

    endpoint: str

    def client(self, key: str = "a-user", secret: str = "a-secret-key") -> Any:
        import boto3

        login = {"aws_access_key_id": key, "aws_secret_access_key": secret}
        return boto3.client("s3", endpoint_url=self.endpoint, region_name="us-east-1", **login)

    def fill(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        client = self.client()
        client.create_bucket(Bucket=bucket)
        for key, content in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=content)

    def options(self, key: str = "a-user", secret: str = "a-secret-key") -> dict[str, str]:
        """What a runbook says in `storage_options`."""
        return {"key": key, "secret": secret, "endpoint_url": self.endpoint}

    def reset(self) -> None:
        self._told("reset")

    @contextmanager
    def asking_who_is_there(self) -> Iterator[None]:
        """Within the block nobody may do anything who has not been let in."""
        self._told("reset-auth", 0)
        try:
            yield
        finally:
            self._told("reset-auth", float("inf"))

    def _told(self, what: str, how_much: float | None = None) -> None:
        connection = http.client.HTTPConnection(urlsplit(self.endpoint).netloc, timeout=30)
        connection.request("POST", f"/moto-api/{what}", None if how_much is None else json.dumps(how_much))
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
