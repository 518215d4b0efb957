"""What the compiler and the linker were told for the sake of security is in the program."""

import re
import subprocess

import pytest
from waiting_relay import RELAY


def readelf(option: str) -> str:
    return subprocess.run(["readelf", "--wide", option, RELAY], capture_output=True, text=True, check=True).stdout


def test_it_is_loaded_at_a_random_address():
    assert re.search(r"Type:\s+DYN", readelf("--file-header")) and "PIE" in readelf("--dynamic")


def test_what_the_linker_resolves_is_read_only_before_main():
    assert "GNU_RELRO" in readelf("--program-headers") and "BIND_NOW" in readelf("--dynamic")


def test_the_stack_is_not_executable():
    flags = re.search(r"GNU_STACK\s+(?:0x\w+\s+){5}(\S+(?: \S)*)", readelf("--program-headers"))
    assert flags and "E" not in flags.group(1)


@pytest.mark.parametrize("function", ["__stack_chk_fail", "__mem(cpy|move|set)_chk|__vsnprintf_chk|__read_chk"],
                         ids=["stack protector", "fortified functions"])
def test_checks_are_compiled_in(function):
    assert re.search(function, readelf("--dyn-syms"))


def test_no_folder_of_the_build_is_searched_for_libraries():
    assert not re.search("RPATH|RUNPATH", readelf("--dynamic"))
