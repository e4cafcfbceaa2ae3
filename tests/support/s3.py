"""Start moto's S3 server, an independent implementation of S3, on a free port.

Start it once for a module, because it takes about a second::

    @pytest.fixture(scope="module")
    def s3():
        with s3_server("renders") as server:
            yield server

    def test_it(s3):
        s3.put("renders", "shot/a.exr", data)
        settings = load_settings(s3.environ, need=("objects",))
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server.

    Attributes:
        endpoint: URL of the server.
        client: boto3's client for it.
        access_key: Access key or secret key.
        secret_key: Access key or secret key.
        server: moto's server.
    """

    endpoint: str
    client: Any
    access_key: str
    secret_key: str
    server: Any

    @property
    def environ(self) -> dict[str, str]:
        """The settings for this server."""
        return {"S3_ENDPOINT_URL": self.endpoint, "S3_ACCESS_KEY": self.access_key, "S3_SECRET_KEY": self.secret_key}

    def put(self, bucket: str, key: str, data: bytes) -> str:
        """Write an object; its ETag without quotes."""
        etag: str = self.client.put_object(Bucket=bucket, Key=key, Body=data)["ETag"]
        return etag.strip('"')

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=bucket, Key=key)

    def stop(self) -> None:
        """Stop the server; from then on connections are refused."""
        self.server.stop()
        self.server._server.server_close()  # moto keeps the port open, so connections would hang


@contextmanager
def s3_server(*buckets: str) -> Iterator[S3Server]:
    """Start a server on a free loopback port, with these buckets."""
    # Every process that collects tests imports this module, and few run a test that needs these packages.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        client = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
        for bucket in buckets:
            client.create_bucket(Bucket=bucket)
        yield S3Server(url, client, ACCESS_KEY, SECRET_KEY, server)
    finally:
        server.stop()  # does nothing after S3Server.stop
