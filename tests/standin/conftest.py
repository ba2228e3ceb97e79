# SPDX-License-Identifier: MIT
"""Fixtures of tests/standin: npm's Twilio client, which tests/api has too."""
from npm_twilio import client_of, npm_twilio

__all__ = ["client_of", "npm_twilio"]
