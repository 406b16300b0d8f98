"""Redaction hides secrets and leaves the rest of the line readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.redaction import redact

SECRETS = {
    "password=hunter2hunter2": "hunter2",
    "db password: 's3cr3t-value'": "s3cr3t",
    '{"client_secret": "abcdef123456"}': "abcdef123456",
    "Authorization: Bearer abc.def-ghi_jkl": "abc.def",
    "curl -H 'authorization: basic dXNlcjpwYXNz'": "dXNlcjpwYXNz",
    "postgres://app:sup3rs3cret@db:5432/x": "sup3rs3cret",
    "redis://:hunter2hunter2@cache:6379": "hunter2",
    "AKIAABCDEFGHIJKLMNOP in env": "AKIAABCDEFGHIJKLMNOP",
    "token xoxb-1234567890-abcdefghij": "xoxb-1234567890",
    "xapp-1-A012345-678-abcdef": "xapp-1-A012345",
    "pushed with ghp_abcdefghijklmnopqrstuvwxyz0123456789": "ghp_abc",
    "key sk-proj-abcdefghijklmnopqrstuv": "abcdefghijklmnop",
    "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcDEF123": "eyJhbGci",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----": "MIIabc",
    "-----BEGIN PRIVATE KEY-----\nMIIcut": "MIIcut",
    "api_key=0123456789abcdef&x=1": "0123456789abcdef",
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG": "wJalrXUtnFEMI",
    "https://hooks.slack.com/services/T0/B0/abcdef": "T0/B0",
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.items(), ids=[text[:24] for text in SECRETS])
def test_a_secret_is_hidden(text: str, secret: str):
    assert secret not in redact(text)
    assert "[redacted" in redact(text)


PLAIN = [
    "error ratio of cart rose from 0.2 % to 34 % at 12:03:10",
    "GET /orders/4711 took 812 ms, trace=7feaeec7",
    "connection pool exhausted, request=00a1b2c3",
    "deploy of cart, from revision 4 (cart:4.30.0) to revision 5 (cart:4.31.0)",
    "schema version mismatch while decoding record, expected 7 got 6",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_lines_stay_as_they_are(text: str):
    assert redact(text) == text


@given(st.sampled_from(list(SECRETS)), st.text(max_size=30), st.text(max_size=30))
def test_redacting_twice_changes_nothing_more(secret: str, before: str, after: str):
    once = redact(f"{before} {secret} {after}")
    assert redact(once) == once
