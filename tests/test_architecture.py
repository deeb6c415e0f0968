"""The package map as a test: who may import whom, who may touch gradio, how long a file may get."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pix2seq"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Each part imports only from itself and from parts above it. A new part needs a place here and in
# the README's package map.
ORDER = [
    "boxes",
    "categories",
    "config",
    "resources",
    "version",
    "logs",
    "files",
    "urls",
    "device",
    "processes",
    "allocator",
    "postponed",
    "detections",
    "arrays",
    "images",
    "pictures",
    "transforms",
    "tokenizer",
    "dialects",
    "scoring",
    "reading",
    "bets",
    "augment",
    "objective",
    "dense",
    "model",
    "sampling",
    "reward",
    "encoding",
    "checkpoints",
    "convert",
    "hub",
    "many",
    "predictor",
    "asking",
    "compare",
    "agreement",
    "repetition",
    "data",
    "examples",
    "evaluate",
    "sweep",
    "argument",
    "finetune",
    "optim",
    "reporter",
    "states",
    "resume",
    "train",
    "distill",
    "bench",
    "render",
    "branching",
    "snapshots",
    "batch",
    "space",
    "ui",
    "app",
    "cli",
    "__main__",
]
MAX_LINES = 350

# The rooms of the app: one may use those in the rows above its own, never a neighbour of its row.
UI = PACKAGE / "ui"
ROOMS = [
    ("kit",),
    ("visit",),
    ("write", "fork", "compare", "lab", "learn", "about", "tour", "api"),
    ("page",),
]

# Imports that cost seconds or that a headless machine may lack, and the only places for them.
ONLY_IN = {
    "gradio": ("ui",),
    "fastapi": ("ui",),
    "spaces": ("ui",),
    "gradio_client": (),
    "pycocotools": ("evaluate", "data"),
    "supervision": ("detections",),
    "fsspec": ("pictures", "batch"),
    "pyarrow": ("batch",),
    "ray": ("batch",),
    "accelerate": ("train", "distill"),
    "matplotlib": ("render", "ui"),
    "plotly": ("render", "ui"),
    "gdown": ("checkpoints", "convert"),
    "playwright": ("bench",),
    "timm": ("model", "space"),
    "numba": ("model",),
}


def part_of(path: Path) -> str:
    """The row of the package map that a file belongs to; ``""`` for ``pix2seq/__init__.py``."""
    inside = path.relative_to(PACKAGE)
    if inside == Path("__init__.py"):
        return ""
    return inside.parts[0].removesuffix(".py")


def imported_modules(source: str) -> list[str]:
    """Every module that the source imports, wherever the statement stands."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            if node.module == "pix2seq":  # `from pix2seq import boxes` names a part, too
                found += [f"pix2seq.{alias.name}" for alias in node.names]
            else:
                found.append(node.module)
    return found


def parts_imported(path: Path) -> set[str]:
    names = [name.split(".") for name in imported_modules(path.read_text())]
    return {name[1] if len(name) > 1 else "" for name in names if name[0] == "pix2seq"}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_map_names_every_part_of_the_package():
    parts = {part_of(path) for path in MODULES} - {""}
    assert parts - set(ORDER) == set(), "not in the package map"
    assert set(ORDER) - parts == set(), "in the package map, but not there"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_imports_only_from_rows_above_its_own(path):
    part = part_of(path)
    if part == "":
        assert "ui" not in parts_imported(path)
        return
    allowed = {*ORDER[: ORDER.index(part)], part}
    if part == "cli":
        allowed.remove("ui")  # the command line works where gradio is not installed
    if part in ("ui", "version"):
        allowed.add("")  # "copy as Python" quotes the front door; the version stands there
    assert parts_imported(path) - allowed == set()


def rooms_within_reach(room: str) -> set[str]:
    """The room itself and the rows above it."""
    row = next(number for number, names in enumerate(ROOMS) if room in names)
    return {room}.union(*ROOMS[:row])


def rooms_imported(path: Path) -> set[str]:
    names = [name.split(".") for name in imported_modules(path.read_text())]
    return {name[2] for name in names if name[:2] == ["pix2seq", "ui"] and len(name) > 2}


def test_the_rooms_are_those_of_the_app():
    assert sorted(name for row in ROOMS for name in row) == sorted(
        path.parent.name for path in UI.glob("*/__init__.py")
    )


@pytest.mark.parametrize("path", sorted(UI.glob("*/*.py")), ids=relative)
def test_a_room_imports_from_shared_rooms_and_never_from_a_neighbour(path):
    assert rooms_imported(path) - rooms_within_reach(path.parent.name) == set()


SCRIPTS = sorted(UI.glob("*/*.js"))
# One import, as the page's loader reads it: on one line or several, of a script by room and name.
SCRIPT_IMPORT = re.compile(
    r'^(?:import|export) (?:\* as \w+|\{[^}]*\}) from "#([^"]+)";$', re.MULTILINE
)


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_a_script_too_imports_from_shared_rooms_and_never_from_a_neighbour(path):
    source = path.read_text()
    imported = SCRIPT_IMPORT.findall(source) + re.findall(r'@import .* from "#([^"]+)"', source)
    assert {name.split("/")[0] for name in imported} - rooms_within_reach(path.parent.name) == set()
    assert [name for name in imported if not (UI / name).is_file()] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_a_script_says_what_it_needs_where_the_page_reads_it(path):
    from pix2seq.ui.page.scripts import imported, linked

    source = path.read_text()
    assert imported(source) == SCRIPT_IMPORT.findall(source)
    if path.name != "loader.js":
        linked(path.name, source)  # or it says what it cannot link
        assert "window.P2S" not in source and "import(" not in source, "nothing is global"


def test_scripts_load_in_an_order_without_a_circle():
    from pix2seq.ui.page.scripts import imported, modules

    seen: set[str] = set()
    first, later = modules()
    for name in first + later:
        assert set(imported((UI / name).read_text())) <= seen
        seen.add(name)
    assert seen == {f"{path.parent.name}/{path.name}" for path in SCRIPTS} - {"page/loader.js"}
    lessons = {name for name in seen if name.startswith("learn/")}
    assert lessons and lessons <= set(later), "Write opens without them"


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_a_script_states_its_idea_and_stays_readable(path):
    source = path.read_text()
    assert source.startswith("// "), "a first line states the idea"
    assert len(source.splitlines()) <= MAX_LINES


SHEETS = sorted(UI.glob("*/*.css"))


@pytest.mark.parametrize("path", SHEETS, ids=relative)
def test_a_style_sheet_states_its_idea_and_stays_readable(path):
    source = path.read_text()
    assert source.startswith("/* "), "a first line states the idea"
    assert len(source.splitlines()) <= MAX_LINES


def test_style_sheets_stand_in_an_order_that_rooms_can_lean_on():
    from pix2seq.ui.page.styles import TOKENS, sheets

    opening, later = sheets()
    assert opening[:2] == ["page/theme.css", "kit/photo.css"]
    assert opening[-1] == "page/responsive.css"
    ordered = opening + later
    assert {*ordered, TOKENS} == {relative(path).removeprefix("pix2seq/ui/") for path in SHEETS}
    rooms = [name.split("/")[0] for name in ordered if name not in (opening[0], opening[-1])]
    assert rooms == sorted(rooms, key=rooms.index), "each room in one piece"
    for room in set(rooms):
        own = [name for name in ordered if name.startswith(f"{room}/")]
        if f"{room}/{room}.css" in own:
            assert own[0] == f"{room}/{room}.css", "before those of its parts"


@pytest.mark.parametrize("path", SHEETS, ids=relative)
def test_what_cannot_stand_under_a_selector_stands_with_the_tokens(path):
    from pix2seq.ui.page.styles import TOKENS

    if not relative(path).endswith(TOKENS):
        found = re.findall(r"@(?!media|container|supports)[\w-]+|:root|\bhtml\b", path.read_text())
        assert not found, "`styles.py` puts the sheet under :root, where these say nothing"


def selectors(sheet: str) -> list[str]:
    plain = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    heads = [head.strip() for head in re.findall(r"([^{};]+)\{", plain)]
    lists = [re.split(r",(?![^(]*\))", head) for head in heads if not head.startswith("@")]
    return [" ".join(selector.split()) for listed in lists for selector in listed]


def test_a_style_that_comes_later_changes_nothing_that_is_on_view():
    from pix2seq.ui.page.styles import sheets

    def named(selector: str) -> set[str]:
        return set(re.findall(r"[.#][\w-]+", selector))

    opening, later = ([(UI / name).read_text() for name in names] for names in sheets())
    taken = {".dark"}.union(*(named(one) for sheet in opening for one in selectors(sheet)))
    strangers = [one for sheet in later for one in selectors(sheet) if named(one) <= taken]
    assert strangers == [], "each rule names something of its own room"


def test_every_lesson_has_its_style_beside_what_it_draws():
    for module in sorted((UI / "learn").glob("*.py")):
        script = module.with_suffix(".js")
        if script.exists() and "mount:" in script.read_text():
            assert module.with_suffix(".css").exists(), f"{module.stem} is styled elsewhere"


@pytest.mark.parametrize("path", [*MODULES, ROOT / "app.py"], ids=relative)
def test_heavy_libraries_are_imported_in_their_place_only(path):
    part = "app" if path == ROOT / "app.py" else part_of(path)
    for name in imported_modules(path.read_text()):
        library = name.split(".")[0]
        assert part in ONLY_IN.get(library, (part,)), f"{library} is imported in {part}"


def test_the_front_door_opens_without_gradio_and_pycocotools():
    code = (
        "import sys, pix2seq; pix2seq.load, pix2seq.SamplingOptions, pix2seq.Detections;"
        "print(*sorted(set(sys.modules) & {'gradio', 'pycocotools', 'accelerate', 'matplotlib'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_states_its_idea_and_stays_readable(path):
    source = path.read_text()
    assert ast.get_docstring(ast.parse(source)), "a module docstring states the idea"
    assert len(source.splitlines()) <= MAX_LINES
    assert path.stem not in ("utils", "helpers", "misc", "common"), "name the concept"


def test_imports_are_found_wherever_they_hide():
    source = (
        "import pix2seq.boxes as b\n"
        "from pix2seq import ui, load\n"
        "def f():\n    from pix2seq.train import main\n"
        "if TYPE_CHECKING:\n    import gradio.blocks\n"
    )
    assert set(imported_modules(source)) == {
        "pix2seq.boxes",
        "pix2seq.ui",
        "pix2seq.load",
        "pix2seq.train",
        "gradio.blocks",
    }


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=" ".join)
def test_the_code_is_in_the_house_style(arguments):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
