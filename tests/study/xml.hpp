// Reads XML as far as the figures of study/ use it, and fails for what is not well-formed.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace testing {

/// An element: its name, attributes, and the text directly in it.
struct XmlElement {
    std::string name, text;
    std::map<std::string, std::string> attributes;
};

/// The elements of a document in the order in which they begin.
class XmlDocument {
public:
    explicit XmlDocument(const std::string& source) : source_(source) {
        std::vector<std::size_t> open;
        while (at_ < source_.size()) {
            if (source_[at_] != '<') {
                const std::string text = character();
                if (!open.empty()) elements[open.back()].text += text;
                else require(text == "\n", "text outside the root");
            } else if (source_.compare(at_, 2, "</") == 0) {
                at_ += 2;
                require(!open.empty() && name() == elements[open.back()].name, "an end that fits");
                open.pop_back();
                expect('>');
            } else {
                require(!open.empty() || elements.empty(), "one root");
                open.push_back(elements.size());
                elements.push_back(element());
                if (source_[at_] == '/') {
                    ++at_;
                    open.pop_back();
                }
                expect('>');
            }
        }
        require(open.empty(), "an end of each element");
    }

    /// The texts of the elements of a name.
    std::vector<std::string> texts(const std::string& name) const {
        std::vector<std::string> result;
        for (const XmlElement& element : elements)
            if (element.name == name) result.push_back(element.text);
        return result;
    }
    /// The elements of a name that have an attribute.
    std::vector<XmlElement> with(const std::string& name, const std::string& attribute) const {
        std::vector<XmlElement> result;
        for (const XmlElement& element : elements)
            if (element.name == name && element.attributes.count(attribute) > 0) result.push_back(element);
        return result;
    }

    std::vector<XmlElement> elements;

private:
    void require(bool holds, const std::string& what) const {
        if (!holds) throw std::runtime_error("XML: expected " + what + " before " + source_.substr(at_, 40));
    }
    void expect(char c) { require(at_ < source_.size() && source_[at_++] == c, std::string(1, c)); }
    std::string name() {
        const std::size_t start = at_;
        while (at_ < source_.size() && (std::isalnum(static_cast<unsigned char>(source_[at_])) || source_[at_] == '-')) ++at_;
        require(at_ > start, "a name");
        return source_.substr(start, at_ - start);
    }
    std::string character() {
        const char c = source_[at_];
        require(static_cast<unsigned char>(c) >= 0x20 || c == '\n', "no control character");
        if (c != '&') return std::string(1, source_[at_++]);
        static const std::map<std::string, std::string> entities = {{"&amp;", "&"},
                                                                    {"&lt;", "<"},
                                                                    {"&gt;", ">"},
                                                                    {"&quot;", "\""}};
        const std::string entity = source_.substr(at_, source_.find(';', at_) + 1 - at_);
        require(entities.count(entity) > 0, "an entity");
        at_ += entity.size();
        return entities.at(entity);
    }
    XmlElement element() {
        expect('<');
        XmlElement result;
        result.name = name();
        while (at_ < source_.size() && source_[at_] == ' ') {
            ++at_;
            const std::string attribute = name();
            expect('=');
            expect('"');
            std::string value;
            while (at_ < source_.size() && source_[at_] != '"') {
                require(source_[at_] != '<', "no < in an attribute");
                value += character();
            }
            expect('"');
            require(result.attributes.emplace(attribute, value).second, "each attribute once");
        }
        return result;
    }

    std::string source_;
    std::size_t at_ = 0;
};

}  // namespace testing
