import base64
import hmac
import time

SIGNED = ("x-user-id", "x-client-id", "x-token-id", "x-scopes")


def passed_the_edge(keys, method, host, path, headers, now=None):
    """keys: bytes, one or two; path: without the query; headers: all (name, value) pairs as they arrived."""
    def values(name):
        return [value for other, value in headers if other.lower() == name]
    assertion, identity = values("x-edge-assertion"), [values(name) or [""] for name in SIGNED]
    if len(assertion) != 1 or not assertion[0].isascii() or any(len(found) > 1 for found in identity):
        return False
    signed, _, signature = assertion[0].rpartition(".")
    macs = (base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), "sha256")).rstrip(b"=") for key in keys)
    if not any([hmac.compare_digest(mac, signature.encode()) for mac in macs]) or not signed.startswith("v1."):
        return False
    payload = base64.urlsafe_b64decode(signed.split(".")[2] + "==").decode("latin-1")
    made_at, *said = payload.split("\n")
    age = int(time.time() if now is None else now) - int(made_at)
    return -5 <= age <= 30 and said == [method, host, path, *(found[0] for found in identity)]
