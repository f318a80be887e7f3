"""The demo: the fleet's owners, users, stations and tariffs, and a year of history."""

from __future__ import annotations
