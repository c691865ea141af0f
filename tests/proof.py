"""tests/proof.py - the tables of docs/proof.md that programs write, each between two comments that name it:

    <!-- NAME: written by make proof -->
    ...
    <!-- end of NAME -->
"""
import os
import re

PAGE = os.path.join(os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), ".."))),
                    "docs", "proof.md")


def place_of(name, page):
    found = re.search(rf"(<!-- {name}: written by make proof -->\n)(.*?)(<!-- end of {name} -->)", page, re.DOTALL)
    if not found:
        raise SystemExit(f"docs/proof.md has no place for {name}")
    return found


def read_page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def table(*rows):
    """Rows of cells as Markdown; the first is the head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines) + "\n"


def differs(name, text, alike=lambda text: text):
    """None where the page tells this, or why not. alike: takes out what need not be the same each time."""
    told, text = alike(place_of(name, read_page())[2]), alike(text)
    if told == text:
        return None
    lines = set(told.splitlines())
    return f"docs/proof.md does not tell of {name} as it is; make proof writes it anew: " + " // ".join(
        [line for line in text.splitlines() if line not in lines][:3])


def write(name, text):
    page = read_page()
    place = place_of(name, page)
    page = page[:place.start(2)] + text + page[place.end(2):]
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page)
