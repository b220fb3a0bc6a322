// SVG documents; see svg.hpp.
#include <tapehead/study/svg.hpp>

#include <tapehead/study/terminal.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study::detail {

std::string xml_escaped(std::string_view text) {
    std::string result;
    for (const char c : printable(text)) {
        if (c == '&') result += "&amp;";
        else if (c == '<') result += "&lt;";
        else if (c == '>') result += "&gt;";
        else if (c == '"') result += "&quot;";
        else result += c;
    }
    return result;
}

Svg::Svg(int width, int height, std::string_view title) {
    add("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" "
        "font-family=\"system-ui, sans-serif\" font-size=\"14\" fill=\"{2}\" text-anchor=\"middle\">\n<title>{3}</title>\n",
        width, height, grey, xml_escaped(title));
    if (!title.empty())
        add("<text x=\"{}\" y=\"22\" font-size=\"16\" font-weight=\"600\">{}</text>\n", width / 2, xml_escaped(title));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study::detail
