"""An endpoint with a certificate of the plant's own authority."""

import ssl
import subprocess

import pytest

from steeldefectx.annotate.pipeline import client
from steeldefectx.annotate.pipeline import run as pipeline_run
from tests.annotate.pipeline.endpoint_runs import KEY, StandIn, annotate, make_images
from tests.endpoints import good
from tests.openai_server import OpenAIServer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Certificate and key, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem"]
    try:
        subprocess.run([*words, "-out", "cert.pem"], cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here")
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def server(certificate, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(pipeline_run, "SentenceModel", StandIn)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = OpenAIServer()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answer = good
    with server:
        yield server


def test_a_certificate_that_is_not_trusted_ends_the_run_with_advice(tmp_path, server, certificate, monkeypatch):
    make_images(tmp_path / "images", 3)
    url = f"https://localhost:{server.server_port}/v1"
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(client, "wait_before", None)  # it is not tried again
        done = annotate(tmp_path, url)
    assert done.exit_code == 2
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
    assert "SSL_CERT_FILE" in done.stderr
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    trusted = annotate(tmp_path, url)
    assert trusted.exit_code == 0, trusted.output


def test_a_certificate_file_that_is_not_there_is_one_line(tmp_path, server, monkeypatch):
    make_images(tmp_path / "images", 1)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    done = annotate(tmp_path, f"https://localhost:{server.server_port}/v1")
    assert done.exit_code == 2
    assert "SSL_CERT_FILE" in done.stderr
    assert "Traceback" not in done.output
