"""Words of the actions on databases."""

from collections.abc import Mapping

from bot.domain.action_words.words import Words

WORDS: Mapping[str, Words] = {
    "postgresql/limit-role-connections": Words(
        does="Caps how many connections a PostgreSQL role may have, so that one client cannot starve the others.",
        dry_run="The role is read with the executor's rights; PostgreSQL has no dry run for it.",
        read_back="The role's connection limit is the approved one.",
        risks=(
            "The client's further connections are refused; its users see that as errors.",
            "Connections that are open already stay open.",
        ),
        refuses=(
            "The role is a superuser, a replication role or Watchkeeper's own.",
            "The limit would be zero.",
            "The server is a replica.",
        ),
    ),
    "postgresql/terminate-query-class": Words(
        does="Ends the backends of one role that have run one class of query for longer than a number of seconds.",
        dry_run="The role and its queries are read with the executor's rights; PostgreSQL has no dry run for it.",
        read_back="No query of the class is older than the number of seconds.",
        risks=(
            "Each ended backend rolls its transaction back, and the client must connect again.",
            "The client may send the same query again at once; cap its connections first.",
        ),
        refuses=("The role is a superuser, a replication role or Watchkeeper's own.",),
    ),
}
