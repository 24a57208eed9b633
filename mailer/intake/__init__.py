"""Mail in: listeners, mailboxes and logs."""
