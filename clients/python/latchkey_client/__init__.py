"""Asks a Latchkey whether the API key of a request is good, and whose it is.

The rules are the same in every client of Latchkey: the key is in `x-api-key`, or, only where that header is
absent or empty, behind `Authorization: Bearer`; two headers of one name are refused; what Latchkey refuses is
passed on as it is; on any doubt the answer is 503. Nothing is cached, no redirect is followed, no proxy setting is
read, and no key is in an error, a repr or a log.
"""

from ._client import AsyncLatchkey, Headers, Latchkey, NoCredits, RateLimited, Refused, Verified

__all__ = ["AsyncLatchkey", "Headers", "Latchkey", "NoCredits", "RateLimited", "Refused", "Verified"]
