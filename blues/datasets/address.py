"""Web addresses: only whole ones of http and https are opened, and redirections lead to no others."""

from __future__ import annotations

import http.client
import urllib.parse
import urllib.request
from typing import IO, Any

import blues
from blues.check import InputError

__all__ = ["Redirects", "check_address", "open_url"]


def check_address(url: str) -> None:
    """Raise unless an address can be asked for as it stands: trying again would not mend it.

    Parameters
    ----------
    url : str

    Raises
    ------
    InputError
        When it is not http or https, lacks a host, or holds a blank, a letter outside ASCII, a log-in or a port that is
        no number.

    Examples
    --------
    >>> check_address("https://example.org/a%20b.zip")
    >>> check_address("http://")
    Traceback (most recent call last):
    blues.check.InputError: 'http://' is no web address: the host is missing. Allowed: https://... or http://...
    """
    if wrong := _wrong(url):
        raise InputError(f"{url!r} is no web address: {wrong}", allowed="https://... or http://...")


def _wrong(url: str) -> str | None:
    """Say what is wrong with an address, None if nothing is."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        port = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https"):
        return "it does not begin with http"
    if strange := next((sign for sign in url if not "!" <= sign <= "~"), None):
        return f"{strange!r} must be percent-encoded in it, as browsers copy it from their address bar"
    if "@" in parts.netloc:
        return "a log-in cannot be part of it"
    if not host or port == 0:
        return "the host is missing" if not host else "there is no port 0"
    return None


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to the web only, and not from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request for the new address, or raise if it is not followed."""
        allowed = ("https:",) if req.full_url.startswith("https:") else ("https:", "http:")
        if not newurl.startswith(allowed):
            fp.close()
            raise InputError(f"{req.full_url} redirects to {newurl}, which is not followed", allowed=allowed)
        if wrong := _wrong(newurl):
            fp.close()
            raise InputError(f"{req.full_url} redirects to {newurl!r}, which is no web address: {wrong}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any) -> Any:
        """Follow a redirection, or say why its address cannot be read."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except InputError:
            raise
        except ValueError as error:
            fp.close()
            to = headers.get("Location") or headers.get("URI")
            raise InputError(f"{req.full_url} redirects to {to!r}, which is no web address: {error}") from None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def open_url(url: str, headers: dict[str, str] | None = None, timeout: float = 30.0) -> http.client.HTTPResponse:
    """Open an http or https address; no other scheme is followed, so that no link reads a local file.

    Parameters
    ----------
    url : str
    headers : dict, optional
        Beside those that say who asks.
    timeout : float
        Seconds without an answer.

    Raises
    ------
    InputError
        When it, or what it redirects to, is no web address.
    OSError
        When the connection fails or the server answers with an error.
    """
    check_address(url)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        Redirects,
    ):
        opener.add_handler(handler())
    agent = {"User-Agent": f"blues/{blues.__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=agent | (headers or {}))
    response = opener.open(request, timeout=timeout)
    if response is None:
        raise InputError(f"{url!r} leads to no web address")
    return response
