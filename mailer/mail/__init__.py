"""What the mail RFCs say: pure reading and writing of addresses, headers, replies and reports."""
