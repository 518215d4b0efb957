#!/usr/bin/env python3
"""Makes copies of sources in which rules can be broken at run time.

apply_mutations.py ROOT OUT   reads ROOT/tests/simulation/mutations.txt; writes OUT/src/... for each
                              source it names, and OUT/mutation_list.cc
apply_mutations.py ROOT       lists the sources it names, for CMake
"""

import pathlib
import re
import sys


def parse(text):
    """[(name, rule, [(file, old, new)])]; a mutation without replacements is the harness's own."""
    mutations = []
    for block in re.split(r"^== ", text, flags=re.M)[1:]:
        name, _, body = block.partition("\n")
        rule = re.search(r"^rule: (.*)$", body, flags=re.M).group(1)
        replacements = []
        for part in re.split(r"^file: ", body, flags=re.M)[1:]:
            file, _, rest = part.partition("\n")
            for pair in re.split(r"^--- old\n", rest, flags=re.M)[1:]:
                old, _, new = pair.partition("--- new\n")
                replacements.append((file.strip(), old.rstrip("\n"), new.rstrip("\n")))
            if "--- old" not in rest:
                replacements.append((file.strip(), "", ""))
        mutations.append((name.strip(), rule, replacements))
    return mutations


def write_if_changed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    root = pathlib.Path(sys.argv[1])
    mutations = parse((root / "tests/simulation/mutations.txt").read_text())
    files = sorted({f for _, _, rs in mutations for f, old, _ in rs if old})
    if len(sys.argv) == 2:
        print(";".join(files), end="")
        return
    out = pathlib.Path(sys.argv[2])
    texts = {file: (root / file).read_text() for file in files}
    rows = []
    for name, rule, replacements in mutations:
        changed = dict(texts)
        applied = True
        for file, old, new in replacements:
            if not old:
                continue
            if changed[file].count(old) != 1:
                applied = False
                print(f"mutation {name}: its text is not in {file} once", file=sys.stderr)
                break
            changed[file] = changed[file].replace(old, new)
        if applied:
            texts = changed
        rows.append((name, rule, replacements[0][0], applied))
    for file, text in texts.items():
        write_if_changed(out / file, '#include "simulation/mutation.h"\n' + text)
    body = "".join(
        f'    {{"{name}", "{rule}", "{file}", {"true" if applied else "false"}}},\n'
        for name, rule, file, applied in rows
    )
    write_if_changed(
        out / "mutation_list.cc",
        '#include "simulation/mutation.h"\n\nnamespace bw::simulation {\nnamespace {\n\n'
        f"const Mutation kMutations[] = {{\n{body}}};\n\n}}  // namespace\n\n"
        "std::span<const Mutation> Mutations() { return kMutations; }\n\n}  // namespace bw::simulation\n",
    )


main()
