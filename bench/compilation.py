"""What the libraries cost before a program runs: the time to compile a file that uses them, and the size of a program.

The build leaves `toolchain.json` beside the workers: the compiler and where things are.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from measure import OURS, THEIRS

SOURCES = {
    OURS: """#include <tapehead/tapehead.hpp>
int main() {
    tapehead::Tensor x = tapehead::ones({2, 3}).requires_grad_();
    sum(x * x).backward();
    return x.grad()(0, 0) == 2 ? 0 : 1;
}
""",
    THEIRS: """#include <torch/torch.h>
int main() {
    torch::Tensor x = torch::ones({2, 3}).requires_grad_();
    (x * x).sum().backward();
    return x.grad()[0][0].item<float>() == 2 ? 0 : 1;
}
""",
}

# What Debian's libfmt-dev has only as a shared library: fmt's own src/format.cc, from the headers.
FMT = """#include <fmt/format-inl.h>
FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API locale_ref::locale_ref(const std::locale& loc);
template FMT_API auto locale_ref::get<std::locale>() const -> std::locale;
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view, basic_format_args<FMT_BUFFER_CONTEXT(char)>, locale_ref);
}
FMT_END_NAMESPACE
"""


@dataclass
class Compilation:
    seconds: dict[str, float]  # of each library
    program_bytes: int | None = None  # statically linked, stripped
    program_bytes_without_blas: int | None = None
    note: str = ""


STANDARDS = {OURS: "c++20", THEIRS: "c++17"}  # clang rejects libtorch's headers as C++20


def compile_command(tools: dict[str, Any], standard: str, includes: list[str], source: Path, output: Path) -> list[str]:
    # /usr/include is where the compiler looks last; named, it would come before the standard library's own headers.
    paths = [flag for path in includes if path not in ("", "/usr/include") for flag in ("-isystem", path)]
    return [tools["compiler"], f"-std={standard}", "-O2", *paths, "-c", str(source), "-o", str(output)]


def seconds_to_run(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "CCACHE_DISABLE": "1"})
    return time.perf_counter() - start


def compile_times(tools: dict[str, Any], folder: Path, rounds: int) -> dict[str, float]:
    includes = {OURS: tools["tapehead_includes"], THEIRS: tools["torch_includes"]}
    commands = {}
    for library in (OURS, THEIRS):
        if any(includes[library]):
            source = folder / f"{library}.cpp"
            source.write_text(SOURCES[library])
            commands[library] = compile_command(tools, STANDARDS[library], includes[library], source, folder / f"{library}.o")
    seconds: dict[str, list[float]] = {library: [] for library in commands}
    for _ in range(rounds):
        for library, command in commands.items():
            seconds[library].append(seconds_to_run(command))
    return {library: statistics.median(times) for library, times in seconds.items()}


def static_sizes(tools: dict[str, Any], folder: Path) -> tuple[int, int]:
    """Bytes of examples/xor without shared libraries, with BLAS and without."""
    (folder / "fmt.cpp").write_text(FMT)
    sources = [Path(tools["root"]) / "examples/xor.cpp", folder / "fmt.cpp"]
    includes = [*tools["tapehead_includes"], str(Path(tools["root"]) / "examples")]
    objects = [folder / f"{source.stem}.o" for source in sources]
    for source, output in zip(sources, objects):
        command = compile_command(tools, STANDARDS[OURS], includes, source, output)
        subprocess.run([*command, "-ffunction-sections", "-fdata-sections"], check=True)

    def size(name: str, *blas: str) -> int:
        program = folder / name
        subprocess.run([tools["compiler"], "-static", "-s", "-Wl,--gc-sections", *map(str, objects), tools["tapehead_library"],
                        *blas, "-fopenmp", "-o", str(program)], check=True, capture_output=True)
        return program.stat().st_size

    with_blas = size("xor", tools["static_blas"])
    subprocess.run([str(folder / "xor"), "--threads", "1"], check=True, capture_output=True)
    return with_blas, size("xor_without_blas", "-Wl,--unresolved-symbols=ignore-all")


def measure_compilation(build: Path, rounds: int, progress: Callable[[str], None]) -> Compilation:
    tools = json.loads((build / "toolchain.json").read_text())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        progress("compiling a small file on each library")
        result = Compilation(compile_times(tools, folder, rounds))
        if not tools["static_blas"]:
            result.note = "no static BLAS found, so no statically linked program"
            return result
        progress("linking a static program")
        try:
            result.program_bytes, result.program_bytes_without_blas = static_sizes(tools, folder)
        except subprocess.CalledProcessError as error:
            result.note = f"no statically linked program: {Path(error.cmd[0]).name} failed"
    return result
