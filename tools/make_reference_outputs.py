"""Write tests/contract/reference_outputs.json anew: logits of every model's tiny variant.

Run it on purpose, when a network is added or meant to compute something else; the difference then shows in
the commit. `python tools/make_reference_outputs.py`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests" / "contract"


def main() -> None:
    """Compute and write the file."""
    sys.path.insert(0, str(TESTS))
    from reference_outputs import REFERENCE, reference_output

    from kzoo import registry

    outputs = {name: reference_output(name) for name in registry.names()}
    lines = ",\n".join(f'"{name}": {json.dumps(values)}' for name, values in outputs.items())
    REFERENCE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    print(f"wrote {REFERENCE}: {len(outputs)} models")


if __name__ == "__main__":
    main()
