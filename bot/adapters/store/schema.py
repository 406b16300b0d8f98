"""The one schema, for SQLite and PostgreSQL. Every key begins with the tenant. Alembic migrations create it.

Times are unix seconds UTC as float, except `*_ms` columns. JSON is stored as text in canonical form.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigId = BigInteger().with_variant(Integer(), "sqlite")


def _tenant() -> "Column[str]":
    return Column("tenant", Text, primary_key=True)


events = Table(
    "events",
    metadata,
    _tenant(),
    Column("chain", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("record", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

chains = Table(
    "chains",
    metadata,
    _tenant(),
    Column("chain", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

raw_bodies = Table(
    "raw_bodies",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("note", Text, nullable=False),
)

# The payloads that nobody correlated yet: a table of its own, so that settling a storm rewrites none of them.
raw_pending = Table(
    "raw_pending",
    metadata,
    _tenant(),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("received_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

alerts = Table(
    "alerts",
    metadata,
    _tenant(),
    Column("fingerprint", Text, primary_key=True),
    Column("incident", Text, nullable=False),
    Column("join_reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("trust", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float),
    Column("received_at", Float, nullable=False),
    Column("times_seen", Integer, nullable=False),
    Column("raw_id", BigInteger, nullable=False),
    Index(None, "tenant", "incident", "status"),
)

incidents = Table(
    "incidents",
    metadata,
    _tenant(),
    Column("id", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("open_key", Text),
    Column("state", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("last_alert_at", Float, nullable=False),
    Column("services", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("thread_ts", Text, nullable=False),
    UniqueConstraint("tenant", "number"),
    UniqueConstraint("tenant", "open_key"),
    Index(None, "tenant", "channel", "thread_ts"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "tenant", "state", "due_at"),
)

# Every look of the outbox asks for these, and all but a few of the messages that ever were are not among them.
_UNSHOWN = text("sent < wanted")

messages = Table(
    "messages",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("incident", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("thread_ts", Text, nullable=False),
    Column("ts", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("first_posted_at", Float, nullable=False),
    Column("in_doubt", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("tenant", "incident", "kind", "key"),
    # On PostgreSQL it is as narrow (migration 0007); said here, it would load that dialect, 3 MB, into every process.
    Index("ix_messages_unshown", "tenant", "next_at", sqlite_where=_UNSHOWN),
)

plans = Table(
    "plans",
    metadata,
    _tenant(),
    Column("hash", Text, primary_key=True),
    Column("incident", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("holder", Text, nullable=False),
    Column("lease_until", Float, nullable=False),
    Index(None, "tenant", "state"),
    Index(None, "tenant", "incident"),
)

grants = Table(
    "grants",
    metadata,
    _tenant(),
    Column("plan_hash", Text, primary_key=True),
    Column("approver", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("message_ts", Text, nullable=False),
    Column("granted_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("seconded_by", Text, nullable=False, server_default=""),
    Column("order_hash", Text, nullable=False, server_default=""),
)

steps = Table(
    "steps",
    metadata,
    _tenant(),
    Column("plan_hash", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("phase", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    _tenant(),
    Column("scope", Text, primary_key=True),
    Column("on", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Float, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    _tenant(),
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("expires_at", Float, nullable=False),
)

planned_events = Table(
    "planned_events",
    metadata,
    _tenant(),
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("services", Text, nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", Float, nullable=False, server_default="0"),
    Column("effect", Text, nullable=False, server_default="explain"),
)

freezes = Table(
    "freezes",
    metadata,
    _tenant(),
    Column("id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Index(None, "tenant", "ends_at"),
)

executions = Table(
    "executions",
    metadata,
    _tenant(),
    Column("plan_hash", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Index(None, "tenant", "name", "at"),
)

refusals = Table(
    "refusals",
    metadata,
    _tenant(),
    Column("incident", Text, primary_key=True),
    Column("user", Text, primary_key=True),
    Column("since", Float, nullable=False),
    Column("times", Integer, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("dedupe", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("received_at", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("tenant", "dedupe"),
    Index(None, "tenant", "state", "id"),
)

documents = Table(
    "documents",
    metadata,
    _tenant(),
    Column("name", Text, primary_key=True),
    Column("content", Text, nullable=False),
    Column("at", Float, nullable=False),
)

LATEST_BEAT = "latest"  # The row of all processes together; it only moves forward.
beats = Table(
    "beats",
    metadata,
    _tenant(),
    Column("process", Text, primary_key=True),
    Column("at", Float, nullable=False),
)

standing_orders = Table(
    "standing_orders",
    metadata,
    _tenant(),
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("live_seq", Integer, nullable=False),
    UniqueConstraint("tenant", "hash"),
    Index(None, "tenant", "state"),
)

order_signatures = Table(
    "order_signatures",
    metadata,
    _tenant(),
    Column("order_hash", Text, primary_key=True),
    Column("signer", Text, primary_key=True),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("message_ts", Text, nullable=False),
    Column("signed_ms", BigInteger, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

order_firings = Table(
    "order_firings",
    metadata,
    _tenant(),
    Column("incident", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("plan_hash", Text, nullable=False),
    Column("order_hash", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index(None, "tenant", "order_hash", "at"),
)

tiers = Table(
    "tiers",
    metadata,
    _tenant(),
    Column("scope", Text, primary_key=True),
    Column("tier", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("seq", Integer, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    _tenant(),
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Index(None, "tenant", "at"),
)

changes = Table(
    "changes",
    metadata,
    _tenant(),
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("title", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("link", Text, nullable=False),
    Index(None, "tenant", "at"),
)

baselines = Table(
    "baselines",
    metadata,
    _tenant(),
    Column("service", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
)
