// The page with the data of a tape in it; the page itself is made in study/page.
#include <tapehead/study/page.hpp>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>

// study/page/dist/page.html, taken in by the assembler.
__asm__(
    ".section .rodata\n"
    ".hidden tapehead_page_begin\n.global tapehead_page_begin\ntapehead_page_begin:\n"
    ".incbin \"" TAPEHEAD_PAGE
    "\"\n"
    ".hidden tapehead_page_end\n.global tapehead_page_end\ntapehead_page_end:\n"
    ".previous\n");
extern "C" const char tapehead_page_begin[], tapehead_page_end[];

namespace tapehead::inline TAPEHEAD_SCALAR::study {

void write_html(const Tape& tape, const std::string& path, const PageOptions& options) {
    const std::string_view page(tapehead_page_begin, static_cast<std::size_t>(tapehead_page_end - tapehead_page_begin));
    constexpr std::string_view empty = "<script type=\"application/json\" id=\"tape-data\">null</script>";
    const std::size_t place = page.find(empty);
    check<ValueError>(place != std::string_view::npos, "write_html: expected a page with a place for data, got none");
    const std::string_view opening = empty.substr(0, empty.find('>') + 1);

    std::string html(page.substr(0, place));
    html += opening;
    for (const char c : to_json(tape, options)) {
        if (c == '<') html += "\\u003c";  // so that no text in the data can end the element
        else html += c;
    }
    html += "</script>";
    html += page.substr(place + empty.size());
    write_file(path, html);
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
