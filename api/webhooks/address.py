"""Where messages may be sent: the policy, asked when a webhook is made and of every address before it is connected to.

A webhook lets whoever may make one choose where this machine sends requests (server-side request forgery). On a
customer's own machine receivers inside the company are the rule, so private addresses are not refused as such: the
setting says which networks are meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal

import httpx

from api.settings import is_loopback
from api.webhooks.errors import BadWebhookUrl
from api.webhooks.models import LONGEST_ADDRESS

Networks = Literal["any", "internal", "public"]
NAT64: Final = IPv6Network("64:ff9b::/96")
# Where clouds hand credentials to their machines, beside the link-local addresses, which are refused as a whole.
CLOUD_METADATA: Final = (ip_address("fd00:ec2::254"), ip_address("100.100.100.200"), ip_address("fd20:ce::254"))


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What an operator allows.

    Parameters
    ----------
    networks : `internal` lets nothing leave the company's networks, `public` nothing into them
    allow_http : whether messages may cross the network unencrypted; to this machine they may always
    """

    networks: Networks = "any"
    allow_http: bool = False

    def check_url(self, url: str) -> httpx.URL:
        """The address, if messages may be sent there as far as one can tell without looking its name up.

        Raises
        ------
        BadWebhookUrl : if not
        """
        parsed = _parsed(url)
        if parsed.scheme == "http" and not (self.allow_http or is_loopback(parsed.host)):
            raise BadWebhookUrl(
                "The address begins with http, so messages would cross the network unencrypted. Use https, or set "
                "STEMME_WEBHOOK_ALLOW_HTTP=true. http goes with this machine only: localhost, 127.0.0.1, ::1."
            )
        literal = _literal(parsed.host)
        if literal is not None and (why := self.refusal(literal, scheme=parsed.scheme)):
            raise BadWebhookUrl(why)
        return parsed

    def refusal(self, address: IPv4Address | IPv6Address, *, scheme: str) -> str | None:
        """Why nothing is sent to this address; None if it is allowed."""
        real = _unwrapped(address)
        if real.is_link_local or real.is_multicast or real.is_unspecified or real in CLOUD_METADATA:
            return (
                f"{address} is an address that no receiver has (link-local, multicast, unspecified or cloud metadata)."
            )
        if scheme == "http" and not self.allow_http and not real.is_loopback:
            return f"{address} is not this machine, and http is for this machine only. Use https."
        if self.networks == "internal" and real.is_global:
            return f"{address} is a public address; STEMME_WEBHOOK_NETWORKS=internal allows none."
        if self.networks == "public" and not real.is_global:
            return f"{address} is no public address; STEMME_WEBHOOK_NETWORKS=public allows no other."
        return None

    def allowed(self, addresses: Sequence[str], *, scheme: str) -> list[str]:
        """Those of a name's addresses that may be connected to, in their order.

        Raises
        ------
        BadWebhookUrl : if there is none
        """
        refusals = {address: self.refusal(ip_address(address), scheme=scheme) for address in addresses}
        allowed = [address for address, refusal in refusals.items() if refusal is None]
        if not allowed:
            raise BadWebhookUrl(next((why for why in refusals.values() if why), "The name has no address."))
        return allowed


def _parsed(url: str) -> httpx.URL:
    if len(url) > LONGEST_ADDRESS:
        raise BadWebhookUrl(f"The address has {len(url):,} characters; at most {LONGEST_ADDRESS:,} are allowed.")
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # read here, as it is decoded now
    except (httpx.InvalidURL, ValueError):  # the latter of names that no encoding takes
        raise BadWebhookUrl("The address is no URL. Allowed: https://host/path, and http:// on this machine.") from None
    if parsed.scheme not in {"https", "http"} or not host:
        raise BadWebhookUrl("The address has to begin with https:// and name a host.")
    if parsed.userinfo:
        raise BadWebhookUrl(
            "The address holds a user or a password, which lists would show. Leave them out: the receiver knows a "
            "message by its signature."
        )
    if parsed.fragment:
        raise BadWebhookUrl("The address has a fragment (#…), which is never sent. Leave it out.")
    return parsed


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one leads to, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
