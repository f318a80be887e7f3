"""Paying in advance at a connector's code: what is paid is charged for at most, what is left is given back.

`attempts` opens a payment, `provider_work` follows it at the provider, `charging_work` at the connector. Both
work through the store, step by step, and any number of workers may do so.
"""
