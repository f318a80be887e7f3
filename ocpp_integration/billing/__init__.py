"""What is told to drivers and owners of money, once: receipts, statements, and the audit of all of it."""
