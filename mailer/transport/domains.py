"""What DNS says: whether a domain takes mail at all (RFC 5321 section 5.1, RFC 7505), and the texts of a name."""

from __future__ import annotations

SECONDS = 10.0


def takes_mail(domain: str) -> bool | None:
    """Whether a domain exists and has a server for mail; None when the name servers did not say.

    `domain` in A-labels. A null MX says no; without an MX the domain's own address is the server. At most 30 s.
    """
    import dns.exception
    import dns.resolver

    for kind in ("MX", "A", "AAAA"):
        try:
            answer = dns.resolver.resolve(domain, kind, lifetime=SECONDS)
        except dns.resolver.NXDOMAIN:
            return False
        except dns.resolver.NoAnswer:
            continue
        except (dns.exception.DNSException, ValueError):
            return None
        return kind != "MX" or any(record.exchange.to_text() != "." for record in answer)
    return False


def texts(name: str) -> list[str] | None:
    """The TXT records of a name, the strings of each put together; None when the name servers did not say."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, ValueError):
        return None
    return [b"".join(record.strings).decode("ascii", "replace") for record in answer]
