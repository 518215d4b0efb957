#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "options/option_table.h"

// The files that options name. `where` says where the file was named, `name` is the file's name for
// messages. All throw usage Errors that begin with one of them, and repeat no secret.

namespace bw {

// The file of --config (options/config_file.h has its format): unknown options, values of the wrong
// type and options that a file cannot have are refused.
OptionTexts ReadConfigFile(std::string_view where, const std::string& path);
OptionTexts OptionsInConfig(const std::string& name, std::string_view config, OptionSource source);

// A file of properties key=value, in the format of librdkafka's and Kafka's own tools.
OptionText ReadPropertiesFile(std::string_view where, const std::string& path);

// The first line of the file that `option` names.
std::string ReadPasswordFile(const OptionText& option);

// The lines without their ends, which are "\n" or "\r\n".
std::vector<std::string> SplitLines(std::string_view text);

}  // namespace bw
