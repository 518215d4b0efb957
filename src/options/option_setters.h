#pragma once

#include <array>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.h"
#include "options/option_spec.h"
#include "options/option_values.h"

// What rows of options have as their last column: Set<ParseSize, &Options::spool, ...>.

namespace bw {

inline const std::string& Only(const OptionText& text) {
  BW_CHECK(!text.values.empty());
  return text.values.front();
}

// The field at the end of a path of members: Field<&Options::capture, &CaptureOptions::slot>.
template <auto member, auto... path, class Struct>
auto& Field(Struct* options) {
  if constexpr (sizeof...(path) == 0) {
    return options->*member;
  } else {
    return Field<path...>(&(options->*member));
  }
}

// Stores the text's value, as read by `parse`.
template <auto parse, auto... path>
void Set(const OptionText& text, Options* options) {
  auto& field = Field<path...>(options);
  field = static_cast<std::remove_reference_t<decltype(field)>>(parse(text.where, Only(text)));
}

// One value of an option that has a list of them.
template <class Value>
struct Choice {
  std::string_view name;
  Value value;
};

template <const auto& choices>
inline constexpr auto kNamesOf = [] {
  std::array<std::string_view, std::size(choices)> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = choices[i].name;
  return names;
}();

template <const auto& choices, auto... path>
void StoreChoice(const OptionText& text, Options* options) {
  Field<path...>(options) = choices[ParseChoice(text.where, Only(text), kNamesOf<choices>)].value;
}

template <const auto& choices, auto... path>
inline constexpr OptionSetter SetChoice{StoreChoice<choices, path...>, kNamesOf<choices>};

}  // namespace bw
