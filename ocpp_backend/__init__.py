"""The embedded OCPP backend: a central system for charge points, the locator API, webhooks out."""
