// Writes files that programs of others read: test_*.py beside this file do, and compare.
#include <cmath>
#include <iostream>

#include <tapehead/tapehead.hpp>

using namespace tapehead;

int main(int argc, char** argv) try {
    if (argc != 2) throw ValueError("write_files: expected a folder, got something else");
    const std::string folder = std::string(argv[1]) + "/";

    const Tensor cube = reshape(arange(24), {2, 3, 4});
    save_npy(folder + "cube.npy", cube);
    save_npy(folder + "odd.npy", Tensor{{0.1, NAN, INFINITY}, {-INFINITY, -0.0, 1e-30}});
    save_npy(folder + "scalar.npy", Tensor(2.5));
    save_npy(folder + "empty.npy", zeros({3, 0, 2}));
    save_npy(folder + "ids.npy", Ids{{3, -1, (Id{1} << 62) + 1}, {0, 5, 7}});
    save_npz(folder + "arrays.npz",
             {{"layer.0.weight", cube}, {"bias", Tensor{1, 2}}, {"Größe", Tensor(3)}, {"none", zeros({0})}});
    save_npz(folder + "nothing.npz", {});

    study::TensorBoardLog board(folder + "run");
    board.scalar("loss", 0, 0);
    board.scalar("loss", 1, 0.1);
    board.scalar("Größe", Index{1} << 40, -2.5);
    board.scalar("loss", -1, INFINITY);
    board.scalar("loss", 2, NAN);
    board.histogram("w", 0, arange(-40, 60) / 8);
    board.histogram("odd", 1, Tensor{0, 0, 1, NAN, -INFINITY});
    board.histogram("none", 2, Tensor(NAN));

    study::CsvLog log(folder + "log.csv");
    log.row(1, {{"loss", 0.1 + 0.2}, {"a \"b\", c", 1}});
    log.row(2, {{"loss", 1e-310}, {"a \"b\", c", 2}});

    const auto title = [](const std::string& name) { return name + " <&> \n"; };
    write_svg(study::heat_map(select(cube, 0, 1), {.title = title("map")}), folder + "map.svg");
    write_svg(study::LineChart{.title = title("lines"), .series = {{"\x1b<", {1, 2}, {3, 4}}, {"&", {1}, {NAN}}}},
              folder + "lines.svg");
    write_svg(study::BarChart{.title = title("bars"), .labels = {"\"<\""}, .values = {1}}, folder + "bars.svg");
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
