"""The simulated AWS: moto's server behind a front that records, authorises and answers CloudTrail."""
