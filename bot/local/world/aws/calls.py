"""Reads which service and action a signed AWS request means, and words refusals as AWS does. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from bot.local.world.aws.identities import ACCOUNT, Identity

_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_READING = re.compile(
    r"^(Get|List|Describe|Lookup|Head|Search|BatchGet|Query|Scan|Filter|Select|Simulate|Test|Validate)"
)


@dataclass(frozen=True)
class AwsCall:
    """One request in AWS's own words; `access_key` is empty where it was not signed."""

    access_key: str
    service: str
    action: str
    parameters: Mapping[str, Any]
    json_protocol: bool

    @property
    def reading(self) -> bool:
        """Whether the action only reads."""
        return bool(_READING.match(self.action))


def read_call(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> AwsCall:
    """The call behind an HTTP request of the JSON, query or REST protocols."""
    scope = _SCOPE.search(headers.get("authorization", ""))
    access_key, service = (scope.group(1), scope.group(3)) if scope else ("", "")
    if target := headers.get("x-amz-target", ""):
        return AwsCall(access_key, service, target.rpartition(".")[2], _json_object(body), json_protocol=True)
    form = dict(parse_qsl(query))
    if "application/x-www-form-urlencoded" in headers.get("content-type", ""):
        form |= dict(parse_qsl(body.decode(errors="replace")))
    if "Action" in form:
        return AwsCall(access_key, service, form["Action"], form, json_protocol=False)
    action = _lambda_action(method, path) if service == "lambda" else _rest_action(method, path)
    return AwsCall(access_key, service, action, {"path": path, **form}, json_protocol=False)


def _lambda_action(method: str, path: str) -> str:
    """Lambda speaks in paths: /2015-03-31/functions/NAME[/aliases[/ALIAS] | /versions | /configuration]."""
    noun = "/".join(path.strip("/").split("/")[3:4])
    one = len(path.strip("/").split("/")) > 4
    reads = {
        "aliases": "GetAlias" if one else "ListAliases",
        "versions": "ListVersionsByFunction",
        "configuration": "GetFunctionConfiguration",
    }
    if method == "GET":
        return reads.get(noun, "GetFunction")
    return f"{'Update' if method == 'PUT' else method.title()}{'Alias' if noun == 'aliases' else 'Function'}"


def _rest_action(method: str, path: str) -> str:
    noun = "Object" if path.strip("/").count("/") else "Bucket"
    verbs = {"GET": "Get", "HEAD": "Head", "PUT": "Put", "DELETE": "Delete", "POST": "Post"}
    return verbs.get(method, method.title()) + noun


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(body or b"{}")
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


@dataclass(frozen=True)
class Refusal:
    """An AWS error answer."""

    status: int
    content_type: str
    body: bytes


def unknown_key(call: AwsCall) -> Refusal:
    """The key is not one of this account."""
    return _refusal(
        call,
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    )


def denied(call: AwsCall, identity: Identity) -> Refusal:
    """The identity's policy does not allow the action."""
    resource = _resource(call)
    action = f"{call.service}:{call.action}"
    message = (
        f"User: arn:aws:iam::{ACCOUNT}:user/{identity.user} is not authorized to perform: {action} "
        f"on resource: {resource} because no identity-based policy allows the {action} action"
    )
    return _refusal(call, "AccessDeniedException", "AccessDenied", message)


def _resource(call: AwsCall) -> str:
    if call.service == "ecs" and call.parameters.get("service"):
        name = str(call.parameters["service"]).rpartition("/")[2]
        cluster = str(call.parameters.get("cluster", "default")).rpartition("/")[2]
        return f"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/{cluster}/{name}"
    return "*"


def _refusal(call: AwsCall, json_code: str, xml_code: str, message: str) -> Refusal:
    if call.json_protocol:
        body = json.dumps({"__type": json_code, "message": message}).encode()
        return Refusal(400, "application/x-amz-json-1.1", body)
    if call.service == "s3":
        text = f"<Error><Code>{xml_code}</Code><Message>{message}</Message></Error>"
    else:
        inner = f"<Error><Type>Sender</Type><Code>{xml_code}</Code><Message>{message}</Message></Error>"
        text = f"<ErrorResponse>{inner}<RequestId>simulated</RequestId></ErrorResponse>"
    return Refusal(403, "text/xml", text.encode())
