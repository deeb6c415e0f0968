"""The page's scripts without a browser: their pure parts, tested by Node, and all as linked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pix2seq.ui.page.scripts import OPENING, linked, linked_modules, modules

ROOT = Path(__file__).parents[1]


def run_node(*arguments: str, told: str | None = None) -> str:
    """What Node prints; a test that cannot ask it is skipped aloud, and fails where CI=1."""
    node = shutil.which("node")
    if node is None:
        reason = "Node is not installed: the scripts were NOT run"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [node, *arguments], cwd=ROOT, input=told, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pure_parts_of_the_scripts():
    said = run_node("--test", "tests/scripts/")
    assert "# fail 0" in said and "# pass 0\n" not in said


COMPARE = """
const modules = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const read = new Map();
(async () => {
  for (const [name, body] of modules) {
    read.set(name, (0, eval)(`(_from) => {"use strict"; ${body}\\n}`)((other) => read.get(other)));
    const real = await import(`${process.cwd()}/pix2seq/ui/${name}`);
    const shown = (one) => Object.keys(one).sort().map((key) => [key, typeof one[key]]).join();
    const [wanted, found] = [shown(real), shown(read.get(name))];
    if (found !== wanted) throw new Error(`${name}: ${wanted} / ${found}`);
  }
  console.log(modules.length);
})();
"""


def test_the_page_reads_a_module_as_node_does():
    first, later = modules()
    names = [name for name in first + later if name != OPENING]  # which wants a page at once
    assert int(run_node("-e", COMPARE, told=json.dumps(linked_modules(names)))) == len(names) > 100


def test_a_linked_script_keeps_its_lines_and_gives_what_it_exports():
    source = """// an idea
import { one, two as second } from "#kit/numbers.js";
import * as all from "#kit/all.js";
import {
  three,
} from "#kit/more.js";

export const four = one + second;
export async function five() {}
const six = all;
export { six, three };"""
    body = linked("kit/x.js", source)
    assert len(body.splitlines()) == len(source.splitlines()) + 1
    assert body.splitlines()[1:3] == [
        'const { one, two: second } = _from("kit/numbers.js");',
        'const all = _from("kit/all.js");',
    ]
    assert body.splitlines()[-1] == "return { four, five, six, three };"


@pytest.mark.parametrize(
    "statement",
    [
        "export default 1;",
        "export let moving = 1;",  # what imports it would keep the first value
        'export * from "#kit/all.js";',
        'export { a } from "#kit/all.js";',
        "export const { a, b } = c;",
        "export { a as b };",
        'import "#kit/all.js";',
        'import a from "#kit/all.js";',
        'import { a } from "./all.js";',
    ],
)
def test_a_form_that_the_page_cannot_link_is_named(statement):
    with pytest.raises(ValueError, match=r"kit/x\.js: the page cannot link") as raised:
        linked("kit/x.js", f"// an idea\n{statement}\n")
    assert statement in str(raised.value)
