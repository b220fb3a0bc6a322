// Fresh memory: filled with NaN in builds that look for mistakes (TAPEHEAD_FILL_MEMORY), left as it is in all others.
#include <fstream>

#include <nlohmann/json.hpp>

#include <support/testing.hpp>

using namespace testing;

TEST_CASE("fresh memory: elements are NaN until they are written, in builds that fill it and in no other") {
    { const Tensor before = full({1000}, 3); }
    const Tensor fresh = Tensor::empty({1000});
    const auto nans = std::ranges::count_if(fresh.values(), [](Scalar x) { return std::isnan(x); });
#if defined(TAPEHEAD_FILL_MEMORY)
    CHECK(nans == 1000);
#else
    CHECK(nans == 0);
#endif
}

TEST_CASE("fresh memory: the presets debug and asan fill it, and release does not") {
    std::ifstream file(TAPEHEAD_SOURCE_DIR "/CMakePresets.json");
    std::map<std::string, std::string> fills;
    const auto presets = nlohmann::json::parse(file);
    for (const auto& preset : presets.at("configurePresets"))
        fills[preset.at("name")] = preset.at("cacheVariables").value("TAPEHEAD_FILL_MEMORY", "OFF");
    CHECK(fills.at("debug") == "ON");
    CHECK(fills.at("asan") == "ON");
    CHECK(fills.at("release") == "OFF");
    CHECK(fills.at("base") == "OFF");
}
