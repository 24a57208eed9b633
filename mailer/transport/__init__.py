"""Mail out: relays and the sessions that speak SMTP to them."""
