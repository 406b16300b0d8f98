"""Tests of the simulated production world, from outside: real kubectl, boto3, HTTP."""
