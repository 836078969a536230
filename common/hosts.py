"""Which addresses only this machine can reach.

Nothing but the standard library, since vLLM imports it with serve/guard.py.
"""

import ipaddress
import urllib.parse
import urllib.request


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def stays_here(url: str) -> bool:
    """Whether what is sent to `url` reaches nothing but this machine, not even a proxy that the environment names."""
    parts = urllib.parse.urlsplit(url)
    proxies = urllib.request.getproxies()
    proxied = (parts.scheme in proxies or "all" in proxies) and not urllib.request.proxy_bypass(parts.netloc)
    return is_loopback(parts.hostname or "") and not proxied
