"""The simulated production world in one process; this docstring is the contract that others code against.

START    `serve(WorldOptions(...))` blocks; or `python -m bot.local.world '<WorldOptions as JSON>'`. Ready when
         GET control/healthz is 200. All ports on 127.0.0.1; ends on SIGTERM or SIGINT.
FILES    data_dir/kube/{reader,executor}.kubeconfig   context `production`, namespace `production`, TLS + token
         data_dir/aws/{reader,executor}.credentials   AWS shared credentials file, profile `default`, region eu-west-1
CONTROL  GET /healthz, /scenarios; POST /start {"scenario","seed"} -> {"run","seed"} (seed may be left out);
         GET /scenario -> {"run","name","seed","started_at","planned_event"|null,"ends":"fixed|explained|left-alone",
         "alerts_planned","alerts_sent","resolved_sent","started_sending_at"|null,"healthy"}; 404 before any start.
         GET /truth -> {"root_cause","kind","changed_at"|null,"fix":{...}|null,"unrelated_alerts":[{alertname,service}]}
         fix: {"action":"rollout-undo","service","to_revision"} | {"action":"ecs-scale","service","count"}.
         GET /_records -> {"cluster":[{user,verb,path,dry_run,at,code}],"aws":[{user,access_key,service,action,
         parameters,at,status}]}: mutating calls by identities that are not the world's own.
TELEMETRY  Prometheus API /api/v1/query, /api/v1/query_range (GET, POST), /-/ready. Names are bare with optional
         `label="value"` matchers; anything else is 400 bad_data. Noise changes every 5 s, 40 min of history. Label
         `service` on all, and a node has only the metrics that make sense for it:
         service:error_ratio (0..1) service:request_rate (1/s) service:latency_p95_seconds service:cpu_utilisation
         service:memory_utilisation (0..1) service:connections_utilisation (databases) service:queue_depth (queues)
         service:query_rate (1/s; per client that queries a database, and per database in total).
         traces_service_graph_request_total{client,server,connection_type="|database|messaging_system"}: counters;
         trouble goes from server to client (a queue is the client of its consumer).
         A `recorded` run has steps of 300 s and 6 h of history, and these: service:error_ratio, service:request_rate,
         service:latency_p95_seconds, service:latency_mean_seconds, service:availability (0..1); values may be absent.
         Loki API /loki/api/v1/query_range with {service="x"[,level="error"][,pod="y"]}; also /ready.
CLUSTER  namespace `production`; a Deployment, its ReplicaSets and Pods are named after the service and carry label
         `service: NAME`; annotation deployment.kubernetes.io/revision, kubernetes.io/change-cause. Databases, caches
         and queues are managed: no workload. Logs and events as on a real cluster.
AWS      region eu-west-1, account 123456789012, ECS cluster `production`, ECS service named like the service;
         CloudTrail LookupEvents holds the history (CreateService / UpdateService with requestParameters.desiredCount).
ALERTS   Alertmanager webhook v4, bearer token. Labels: alertname, service, severity (critical|warning|info),
         namespace, cluster, and pod or instance (also route, probe, window, queue where fitting). Annotations:
         summary, description. Alert names: HighErrorRate LatencyP95High RouteErrorRate SLOBurn ProbeFailed PodNotReady
         HighCPU ConnectionsSaturated QueueBacklog TrafficAnomaly LowAvailability, noise: CertificateExpiresSoon
         DiskFillingUp BackupDelayed. After healing, `resolved` for every one of them.
"""

import asyncio
import signal
import threading

from bot.local.world.control import ControlDoor
from bot.local.world.hosting import QuietServer, bound, server
from bot.local.world.options import WorldOptions
from bot.local.world.production import Production
from bot.local.world.telemetry import telemetry_app


def serve(options: WorldOptions) -> None:
    """Run the world until SIGTERM or SIGINT; blocks. OSError where a port is taken."""
    options.data_dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(options))


async def _serve(options: WorldOptions) -> None:
    ports = (options.cluster_port, options.aws_port, options.telemetry_port, options.control_port)
    sockets = [bound(port) for port in (*ports, options.management_port)]
    production = Production(options)
    await asyncio.to_thread(production.account.start)
    await production.wire.start(options.database_port)
    tls = production.certificate
    servers = [
        server(production.cluster.app, tls.certificate, tls.key),
        server(production.front.app),
        server(telemetry_app(lambda: production.run, production.mishaps)),
        server(ControlDoor(production).app),
        server(production.management.app),
    ]
    _stop_on_signals(servers)
    control_loops = asyncio.create_task(production.keep())
    try:
        await asyncio.gather(*(one.serve([own]) for one, own in zip(servers, sockets, strict=True)))
    finally:
        control_loops.cancel()
        await production.close()


def _stop_on_signals(servers: list[QuietServer]) -> None:
    """Ask all servers to end on SIGTERM and SIGINT, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return

    def stop() -> None:
        for one in servers:
            one.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
