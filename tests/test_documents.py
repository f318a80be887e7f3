"""The README and docs/: what they lead to is there."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from management import cli
from settings import ROOT

DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text)
    dead = []
    for link in (first or second for first, second in links):
        place, _, anchor = link.partition("#")
        target = (document.parent / place).resolve() if place else document
        if "://" not in link and (
            not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target))
        ):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_a_document_is_one_that_is_taken(document: Path) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    cli.add_commands(parser.add_subparsers(required=True))
    blocks = re.findall(
        r"^ *```\w*\n(.*?)^ *```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    asked = [line.partition("manage.py ")[2].partition(" > ")[0] for line in lines if " manage.py " in line]
    for command in asked:
        parser.parse_args(shlex.split(command))
