"""TLS, certificates of clients, and tokens: who is answered over gRPC, and who is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from certificates import Authority
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from serving_models import Stubs, predict_request, spec_of, write_calculator

from kzoo.errors import ServingError
from kzoo.serving import RunningServer, ServerConfig, serve
from kzoo.serving.errors import UnauthenticatedError
from kzoo.serving.security import TlsFiles, Token

TOKEN = "correct-horse"
SIGNATURE = spec_of("calculator")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("security")
    write_calculator(folder / "models" / "calculator" / "1", factor=2)
    (folder / "token").write_text(f"  {TOKEN}\n")
    return folder


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def stranger(folder: Path) -> Authority:
    return Authority(folder, "stranger")


@pytest.fixture(scope="module")
def files(authority: Authority) -> tuple[Path, Path]:
    return authority.sign("server")


@pytest.fixture(scope="module")
def tls(folder: Path, files: tuple[Path, Path]) -> Iterator[RunningServer]:
    with start(folder, tls_certificate=files[0], tls_key=files[1]) as server:
        yield server


@pytest.fixture(scope="module")
def mutual(folder: Path, authority: Authority, files: tuple[Path, Path]) -> Iterator[RunningServer]:
    options = {"tls_certificate": files[0], "tls_key": files[1], "tls_client_ca": authority.certificate}
    with start(folder, **options) as server:
        yield server


@pytest.fixture(scope="module")
def closed(folder: Path) -> Iterator[RunningServer]:
    with start(folder, token_file=folder / "token") as server:
        yield server


def start(folder: Path, **options: Any) -> RunningServer:
    server = serve(ServerConfig(folder / "models", port=0, **options))
    assert server.wait_until_loaded(60)
    return server


def credentials(authority: Authority, files: tuple[Path, Path] | None = None) -> grpc.ChannelCredentials:
    certificate, key = (None, None) if files is None else (path.read_bytes() for path in files)
    return grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, certificate)


def answer(channel: grpc.Channel) -> float:
    with channel:
        return Stubs(channel).scale("calculator", 3)


def is_refused(channel: grpc.Channel) -> bool:
    with pytest.raises(grpc.RpcError) as caught:
        answer(channel)
    return bool(caught.value.code() == grpc.StatusCode.UNAVAILABLE)


def test_with_tls_a_client_that_trusts_the_authority_is_answered(
    tls: RunningServer, authority: Authority
) -> None:
    assert answer(grpc.secure_channel(tls.address, credentials(authority))) == 6


def test_with_tls_neither_plain_connections_nor_other_authorities_work(
    tls: RunningServer, stranger: Authority
) -> None:
    assert is_refused(grpc.insecure_channel(tls.address))
    assert is_refused(grpc.secure_channel(tls.address, credentials(stranger)))


def test_with_mutual_tls_only_certificates_of_the_authority_are_accepted(
    mutual: RunningServer, authority: Authority, stranger: Authority
) -> None:
    known = credentials(authority, authority.sign("client"))
    assert answer(grpc.secure_channel(mutual.address, known)) == 6
    assert is_refused(grpc.secure_channel(mutual.address, credentials(authority)))
    unknown = credentials(authority, stranger.sign("intruder"))
    assert is_refused(grpc.secure_channel(mutual.address, unknown))


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ([("authorization", f"Bearer {TOKEN}")], "OK"),
        ([], "UNAUTHENTICATED"),
        ([("authorization", "Bearer correct-hors")], "UNAUTHENTICATED"),
        ([("authorization", TOKEN)], "UNAUTHENTICATED"),
        ([("authorization", "Bearer ")], "UNAUTHENTICATED"),
    ],
)
def test_with_a_token_only_calls_that_bring_it_are_answered(
    closed: RunningServer, metadata: list[tuple[str, str]], code: str
) -> None:
    with grpc.insecure_channel(closed.address) as channel:
        call = Stubs(channel).prediction.Predict.future(
            predict_request(SIGNATURE, x=[]), metadata=metadata, timeout=30
        )
        expected = "INVALID_ARGUMENT" if code == "OK" else code  # it gets as far as its wrong dtype
        assert call.code() == grpc.StatusCode[expected]
        if code != "OK":
            assert "expected the header 'authorization: Bearer TOKEN'" in call.details()
            assert TOKEN not in call.details()


def test_without_the_token_health_is_told_and_the_services_are_not(closed: RunningServer) -> None:
    with grpc.insecure_channel(closed.address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        with pytest.raises(grpc.RpcError) as caught:
            list(reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([ask])))
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_files_that_are_not_what_they_should_be_are_named(
    folder: Path, authority: Authority, stranger: Authority, files: tuple[Path, Path]
) -> None:
    certificate, key = files
    with pytest.raises(ServingError, match=r"nowhere cannot be read: No such file"):
        TlsFiles(folder / "nowhere", key).credentials()
    with pytest.raises(ServingError, match=r"server\.crt and .*authority\.key are no certificate"):
        TlsFiles(certificate, folder / "authority.key").credentials()
    with pytest.raises(ServingError, match=r"token holds no certificates in PEM"):
        TlsFiles(certificate, key, folder / "token").credentials()


@pytest.mark.parametrize("content", ["", " \n", "two words"])
def test_a_token_is_one_word(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(ServingError, match="must hold one token without spaces"):
        Token.read(tmp_path / "token")


def test_a_token_is_compared_as_bytes() -> None:
    Token("s\u00e9cret").check("Bearer s\u00e9cret".encode())
    with pytest.raises(UnauthenticatedError, match="received another"):
        Token("secret").check("Bearer s\u00e9cret")
