"""Receipts and statements as PDF files. Pure: what was stored of them in, bytes out."""
