"""Words of the actions on JVMs."""

from collections.abc import Mapping

from bot.domain.action_words.words import Words

WORDS: Mapping[str, Words] = {
    "jvm/run-gc": Words(
        does="Asks the JVMs of a service for one full garbage collection, over their management door (Jolokia, JMX).",
        dry_run="The heap is read with the executor's rights; JMX has no dry run for it.",
        read_back="The number of full collections has reached the approved one.",
        risks=(
            "Each JVM pauses while it collects: seconds for heaps of many gigabytes.",
            "What leaks fills the heap again; it buys time and heals nothing.",
        ),
        refuses=("The heap is less than half full.", "A collection of that number has run already."),
    ),
}
