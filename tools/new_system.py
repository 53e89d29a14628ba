"""Begin a new system: write its room, its test and its page from a template that works as it is.

`python tools/new_system.py pear_net` writes a small classifier called pear_net, which passes the contract.
Change its network, recipes and words from there, one at a time.
"""

from __future__ import annotations

import argparse
import keyword
import re
from pathlib import Path

from kzoo.errors import UsageError
from kzoo.files import write_atomic

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).resolve().with_name("new_system_template")
PLACEHOLDER = "my_system"
PLACES = {
    "test_network.py": "tests/systems/test_{name}_network.py",
    "page.md": "docs/systems/{name}.md",
}
ROOM = "kzoo/systems/{name}/{file}"
NEXT = """
What a file cannot do for you:

1. mkdocs.yml: a line of the navigation, `- {name}: systems/{name}.md`
2. python tools/make_docs_tables.py                                   # the tables of the page
3. python tools/draw_network.py {name} docs/systems/{name}.svg        # its figure
4. python tools/make_reference_outputs.py                             # freezes the tiny variant's outputs
5. python -m pytest -n0 tests/contract -k {name}                      # the contract
"""


def write_system(name: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new system called `name` below `root`; return their paths.

    Raises:
        UsageError: if the name is no Python name in lower case, or a file exists; nothing is written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(f"expected a name of lower-case letters, digits and _; received {name!r}")
    files = {
        root / PLACES.get(source.name, ROOM).format(name=name, file=source.name): source
        for source in sorted(TEMPLATE.iterdir())
        if source.is_file()
    }
    if there := [str(path) for path in files if path.exists()]:
        raise UsageError(f"{name} is there already: {', '.join(there)}; nothing was written")
    for path, source in files.items():
        write_atomic(path, source.read_text(encoding="utf-8").replace(PLACEHOLDER, name))
    return list(files)


def main() -> None:
    """Write the files and say what is left to do."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the model, of its room and of its files, as pear_net")
    name = parser.parse_args().name
    try:
        paths = write_system(name)
    except UsageError as error:
        parser.error(str(error))
    print(*(f"wrote {path.relative_to(ROOT)}" for path in paths), sep="\n")
    print(NEXT.format(name=name))


if __name__ == "__main__":
    main()
