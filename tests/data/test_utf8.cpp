// UTF-8: code points of every length, and what is refused.
#include <support/testing.hpp>

using namespace testing;

TEST_CASE("UTF-8 of every length decodes to code points and back") {
    const std::u32string text = U"a\n\u007F\u0080\u00E9\u07FF\u0800\u20AC\uFFFF\U00010000\U0010FFFF";
    CHECK(decode_utf8(encode_utf8(text)) == text);
    CHECK(encode_utf8(U"\u00E9\u20AC\U0001F600") == "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    CHECK(decode_utf8("").empty());
}

TEST_CASE("Bytes that are not UTF-8 are refused with their line") {
    const auto bad = GENERATE(as<std::string>(), "\xE9", "\x80", "\xC0\x80", "\xC3", "\xC3(", "\xE0\x80\x80", "\xED\xA0\x80",
                              "\xE2\x82", "\xF4\x90\x80\x80", "\xF0\x80\x80\x80", "\xFF");
    CHECK_THROWS_WITH(decode_utf8("one\ntwo " + bad + "\n"), Catch::Contains("UTF-8") && Catch::Contains("line 2"));
}

TEST_CASE("The first code point of some bytes is found with its length, and none in what is not UTF-8") {
    CHECK(first_code_point("aé")->value == U'a');
    CHECK(first_code_point("éa")->value == U'é');
    CHECK(first_code_point("\U0001F600!")->length == 4);
    CHECK_FALSE(first_code_point("").has_value());
    CHECK_FALSE(first_code_point("\xC3").has_value());
}

TEST_CASE("Bytes that are no part of UTF-8 become replacement characters, and all others stay") {
    CHECK(valid_utf8("Grü\xDF \xE2\x82") == "Grü\uFFFD \uFFFD\uFFFD");
    CHECK(valid_utf8("漢字\n") == "漢字\n");
}
