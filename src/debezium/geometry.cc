#include "debezium/geometry.h"

#include <array>
#include <bit>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

#include "avro/binary_format.h"
#include "debezium/value_encoder.h"

namespace bw::debezium {
namespace {

constexpr uint32_t kLseg = 601;
constexpr uint32_t kPath = 602;
constexpr uint32_t kBox = 603;
constexpr uint32_t kPolygon = 604;

constexpr uint32_t kWkbPoint = 1;
constexpr uint32_t kWkbLineString = 2;
constexpr uint32_t kWkbPolygon = 3;

using Numbers = std::vector<double>;

// All numbers of "((1,2),(-3.5,Infinity))", whatever stands between them.
std::optional<Numbers> NumbersIn(std::string_view text) {
  constexpr std::string_view kBetween = "()[]{}<>,";
  Numbers numbers;
  while (true) {
    const size_t begin = text.find_first_not_of(kBetween);
    if (begin == text.npos) return numbers;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(kBetween));
    double number = 0;
    if (word == "NaN") {
      number = std::numeric_limits<double>::quiet_NaN();
    } else if (word == "Infinity" || word == "-Infinity") {
      number = std::numeric_limits<double>::infinity() * (word.front() == '-' ? -1 : 1);
    } else {
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
      if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    }
    numbers.push_back(number);
    text.remove_prefix(word.size());
  }
}

template <class Bits>
void AppendLittleEndian(Bits bits, std::string* out) {
  std::array<char, sizeof(Bits)> bytes;
  WriteLittleEndian(bits, bytes.data());
  out->append(bytes.data(), bytes.size());
}

void AppendDouble(double value, std::string* out) {
  AppendLittleEndian(std::bit_cast<uint64_t>(value), out);
}

// byte order | type | (count of rings)? | (count of points)? | point*
std::string Wkb(uint32_t type, const Numbers& numbers) {
  std::string wkb = "\1";
  AppendLittleEndian(type, &wkb);
  if (type == kWkbPolygon) AppendLittleEndian(uint32_t{1}, &wkb);
  if (type != kWkbPoint) AppendLittleEndian(static_cast<uint32_t>(numbers.size() / 2), &wkb);
  for (const double number : numbers) AppendDouble(number, &wkb);
  return wkb;
}

void AppendPoint(double x, double y, std::string* out) {
  AppendDouble(x, out);
  AppendDouble(y, out);
  *out += kValueBranch;
  AppendText(Wkb(kWkbPoint, {x, y}), out);
  *out += kNullBranch;  // srid
}

// The corners of a box (upper right, lower left), as a closed ring.
Numbers RingOfBox(const Numbers& box) {
  const double right = box[0];
  const double top = box[1];
  const double left = box[2];
  const double bottom = box[3];
  return {right, top, right, bottom, left, bottom, left, top, right, top};
}

Numbers Closed(Numbers numbers) {
  const size_t end = numbers.size();
  if (end < 4 || (numbers[0] == numbers[end - 2] && numbers[1] == numbers[end - 1])) return numbers;
  numbers.push_back(numbers[0]);
  numbers.push_back(numbers[1]);
  return numbers;
}

using Extensions = std::vector<std::pair<std::string_view, std::string_view>>;

void AppendShape(std::string_view wkb, const Extensions& extensions, std::string* out) {
  AppendText(wkb, out);
  *out += kNullBranch;  // srid
  *out += kValueBranch;
  AppendNumber(static_cast<int64_t>(extensions.size()), out);
  for (const auto& [name, value] : extensions) {
    AppendText(name, out);
    AppendText(value, out);
  }
  AppendNumber(0, out);
}

ValueStatus AppendShapeOf(uint32_t type_oid, std::string_view text, const Numbers& numbers,
                          std::string* out) {
  if (numbers.size() < 2 || numbers.size() % 2 != 0) return ValueStatus::kMalformed;
  if ((type_oid == kLseg || type_oid == kBox) && numbers.size() != 4) {
    return ValueStatus::kMalformed;
  }
  switch (type_oid) {
    case kLseg:
      AppendShape(Wkb(kWkbLineString, numbers), {{"type", "lseg"}}, out);
      return ValueStatus::kOk;
    case kBox:
      AppendShape(Wkb(kWkbPolygon, RingOfBox(numbers)), {{"type", "box"}}, out);
      return ValueStatus::kOk;
    case kPath:
      AppendShape(Wkb(kWkbLineString, numbers),
                  {{"type", "path"}, {"closed", text.starts_with('(') ? "true" : "false"}}, out);
      return ValueStatus::kOk;
    default:
      AppendShape(Wkb(kWkbPolygon, Closed(numbers)), {{"type", "polygon"}}, out);
      return ValueStatus::kOk;
  }
}

}  // namespace

ValueStatus AppendGeometry(Form form, uint32_t type_oid, std::string_view text, std::string* out) {
  const std::optional<Numbers> numbers = NumbersIn(text);
  if (!numbers) return ValueStatus::kMalformed;
  if (form == Form::kGeometry) return AppendShapeOf(type_oid, text, *numbers, out);
  if (numbers->size() != (form == Form::kPoint ? 2U : 3U)) return ValueStatus::kMalformed;
  if (form == Form::kLine) {
    for (const double number : *numbers) AppendDouble(number, out);
    return ValueStatus::kOk;
  }
  AppendPoint((*numbers)[0], (*numbers)[1], out);
  if (form == Form::kCircle) AppendDouble((*numbers)[2], out);
  return ValueStatus::kOk;
}

void AppendZeroGeometry(Form form, uint32_t type_oid, std::string* out) {
  const std::string_view zeros = form == Form::kPoint      ? "(0,0)"
                                 : form == Form::kGeometry ? "((0,0),(0,0))"
                                                           : "0,0,0";
  AppendGeometry(form, type_oid, zeros, out);
}

}  // namespace bw::debezium
