"""How a message of AWS travels: bare, as an EventBridge event, or inside an SNS notification, which is unwrapped here."""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from bot.adapters.monitoring._frame import Arrival, moment, plain
from bot.adapters.monitoring._limits import within_limits
from bot.adapters.monitoring._sns import Envelope
from bot.domain.delivery import Delivery
from bot.domain.errors import Permanent
from bot.domain.source_facts import SourceFacts

# By SNS a call is proved; EventBridge reaches an API destination with a header; a queue is pulled with IAM.
PROOFS = ("sns", "header", "bearer", "basic")
SETUP_SNS = """\
By SNS (in the settings "proof": "sns" and "topics": ["arn:aws:sns:REGION:ACCOUNT:TOPIC"], no token):
  aws sns set-topic-attributes --topic-arn ARN --attribute-name SignatureVersion --attribute-value 2
  aws sns subscribe --topic-arn ARN --protocol https --notification-endpoint {url}
Watchkeeper confirms the subscription of a topic that the settings name, and of no other.
"""
SETUP_EVENTS = """\
By EventBridge (in the settings "proof": "header" and "token", no topics): an API destination
  Endpoint       {url}, method POST
  Connection     API key, name X-Watchkeeper-Token, value {token}
"""
SETUP_QUEUE = """\
By SQS, with no open address: let the topic or rule feed a queue whose redrive policy names a dead-letter queue
(maxReceiveCount 3 to 9: there stays what cannot be read; without one it is taken at the 10th receive and set aside, as
payload_quarantined in the log says). In the settings "queue_url" and no token.
WATCHKEEPER_AWS_INTAKE_CREDENTIALS names keys that may do this alone, on this queue alone:
  {{"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": "ARN of the queue"}}
"""
_OTHER_TYPES = {
    "SubscriptionConfirmation": "SNS offers a subscription",
    "UnsubscribeConfirmation": "SNS says that the subscription ended; subscribe again if that was not wanted",
}


class AwsReader:
    """A parser of AWS messages: `read` sees the inner message, wherever it travelled."""

    def __init__(self, facts: SourceFacts, read: Callable[[Arrival], Delivery]) -> None:
        self.facts = facts
        self.name = facts.kind
        self._read = read

    def parse(self, body: bytes, *, source: str, received_at: float) -> Delivery:
        """What the message says; raises Permanent naming what is wrong with it."""
        raw = plain(body, self.facts.title)
        if not isinstance(raw, dict):
            message = f"not a call of {self.facts.title}: Expected `object`"
            raise Permanent(message)
        arrival = Arrival(source, received_at, raw, self.facts.trust)
        found = _from_sns(arrival, self._read) if "TopicArn" in raw else self._read(arrival)
        within_limits(list(found.alerts), body)
        return found


def _from_sns(arrival: Arrival, read: Callable[[Arrival], Delivery]) -> Delivery:
    try:
        envelope = msgspec.convert(arrival.raw, Envelope)
    except msgspec.ValidationError as error:
        message = f"not a message of Amazon SNS: {error}"
        raise Permanent(message) from error
    sent_at = moment(envelope.Timestamp, arrival.received_at)
    if envelope.Type != "Notification":
        note = _OTHER_TYPES.get(envelope.Type, "an SNS message of a kind that says nothing")
        return Delivery(note=note, sent_at=sent_at, once=envelope.MessageId)
    text = envelope.Message.encode("utf-8", "surrogatepass")
    if not text.lstrip().startswith(b"{"):
        note = "an SNS message that is plain text, so no alarm"
        return Delivery(note=note, sent_at=sent_at, once=envelope.MessageId)
    inner = plain(text, "Amazon SNS")
    return read(replace(arrival, raw=inner))._replace(sent_at=sent_at, once=envelope.MessageId)
