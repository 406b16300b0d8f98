"""Starts a real etcd, kube-apiserver and kube-controller-manager on loopback, from an archive of their binaries.

The archive is named by WATCHKEEPER_TEST_KUBE_ARCHIVE. A stand-in for the kubelet runs the pods in name only.
"""

import contextlib
import csv
import hashlib
import os
import secrets
import ssl
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.local.cluster.identity import Certificate, write_certificate, write_kubeconfig
from tests.contract.kube.cluster import NAMESPACE, Cluster, wait_until
from tests.contract.kube.kubelet import Kubelet
from tests.contract.kube.rbac import manifests
from tests.contract.kube.simulated import free_port

VARIABLE = "WATCHKEEPER_TEST_KUBE_ARCHIVE"
_ARCHIVE = os.environ.get(VARIABLE, "")
_OFF = (
    "nodelifecycle,nodeipam,attachdetach,persistentvolume-binder,csrapproving,csrcleaner,csrsigning,"
    "bootstrapsigner,tokencleaner,root-ca-cert-publisher"
)


def unavailable() -> str:
    """Why the real server cannot be started here; empty when it can."""
    if not _ARCHIVE:
        return f"no real kube-apiserver: set {VARIABLE} to a tar archive with etcd and the kube binaries"
    return "" if Path(_ARCHIVE).is_file() else f"no real kube-apiserver: {VARIABLE}={_ARCHIVE} is not a file"


@contextlib.contextmanager
def real(folder: Path) -> Iterator[Cluster]:
    """A running real control plane with an empty namespace, RBAC from the catalogue, and pods that start."""
    binaries = _unpacked(Path(_ARCHIVE))
    port = free_port()
    tokens = {user: secrets.token_urlsafe(24) for user in ("admin", "manager", "executor", "reader")}
    certificate = write_certificate(folder)
    configs = {}
    for user, token in tokens.items():
        configs[user] = folder / f"{user}.kubeconfig"
        write_kubeconfig(
            configs[user],
            url=f"https://127.0.0.1:{port}",
            token=token,
            user=user,
            certificate=certificate.certificate,
        )
    cluster = Cluster("real", configs, folder)
    _write_account_key(folder / "sa.key")
    with contextlib.ExitStack() as stack:
        etcd = _etcd(stack, binaries, folder)
        _start(stack, folder, "apiserver", _apiserver(binaries, folder, port, etcd, certificate, tokens))
        trust = ssl.create_default_context(cafile=certificate.certificate)
        headers = {"Authorization": f"Bearer {tokens['admin']}"}
        client = stack.enter_context(
            httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trust, headers=headers, trust_env=False)
        )
        wait_until(lambda: _ready(client), 60)
        _start(stack, folder, "manager", _manager(binaries, configs["manager"]))
        done = cluster.kubectl("apply", "-f", "-", stdin=manifests(NAMESPACE))
        assert done.returncode == 0, done.stderr
        stop = threading.Event()
        kubelet = threading.Thread(target=Kubelet(client, NAMESPACE).run, args=(stop,))
        kubelet.start()
        stack.callback(kubelet.join, 10)
        stack.callback(stop.set)
        yield cluster


def _unpacked(archive: Path) -> Path:
    """The binaries, unpacked once per archive outside the checkout."""
    stat = archive.stat()
    name = hashlib.sha256(f"{archive}{stat.st_size}{stat.st_mtime}".encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"watchkeeper-kube-{os.getuid()}-{name}"
    if not (folder / "complete").exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        (folder / "complete").touch()
    return folder


def _write_account_key(path: Path) -> None:
    """A key for service account tokens; this server reads the traditional PEM form only."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def _etcd(stack: contextlib.ExitStack, binaries: Path, folder: Path) -> str:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    argv = [
        f"{binaries}/etcd", "--unsafe-no-fsync", f"--data-dir={folder}/etcd", f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}", "--log-level=error",
    ]  # fmt: skip
    _start(stack, folder, "etcd", argv)
    return client


def _apiserver(
    binaries: Path, folder: Path, port: int, etcd: str, certificate: Certificate, tokens: dict[str, str]
) -> list[str]:
    groups = {"admin": "system:masters", "manager": "system:masters"}
    with (folder / "tokens.csv").open("w", newline="", encoding="utf-8") as file:
        for user, token in tokens.items():
            csv.writer(file).writerow([token, user, user, groups.get(user, "")])
    return [
        f"{binaries}/kube-apiserver", f"--etcd-servers={etcd}", "--bind-address=127.0.0.1",
        f"--secure-port={port}", f"--tls-cert-file={certificate.certificate}",
        f"--tls-private-key-file={certificate.key}", f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=RBAC", f"--service-account-key-file={folder}/sa.key",
        f"--service-account-signing-key-file={folder}/sa.key", "--service-account-issuer=https://127.0.0.1",
        "--api-audiences=api", "--service-cluster-ip-range=10.96.0.0/24", "--allow-privileged=true",
        "--disable-admission-plugins=ServiceAccount", "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none", "--enable-priority-and-fairness=false",
    ]  # fmt: skip


def _manager(binaries: Path, config: Path) -> list[str]:
    off = ",".join(f"-{name}" for name in _OFF.split(","))
    return [
        f"{binaries}/kube-controller-manager", f"--kubeconfig={config}", "--leader-elect=false",
        "--bind-address=127.0.0.1", "--port=0", f"--secure-port={free_port()}",
        f"--cert-dir={config.parent}/manager", f"--controllers=*,{off}",
        "--horizontal-pod-autoscaler-sync-period=1s",
        f"--service-account-private-key-file={config.parent}/sa.key",
    ]  # fmt: skip


def _start(stack: contextlib.ExitStack, folder: Path, name: str, argv: list[str]) -> None:
    log = stack.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    stack.callback(_end, process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").text == "ok"
    except httpx.TransportError:
        time.sleep(0.2)
        return False
