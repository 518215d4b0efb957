#include "publish/kafka_property_help.h"

#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>

#include "base/error.h"

namespace bw {

std::string KafkaPropertyHelp() {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const stream = open_memstream(&text, &size);
  BW_CHECK(stream != nullptr);
  rd_kafka_conf_properties_show(stream);
  std::fclose(stream);
  std::string help(text, size);
  std::free(text);
  return help;
}

}  // namespace bw
