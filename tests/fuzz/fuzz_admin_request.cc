// What clients send to the admin endpoint, and what is configured for it. Input :=
//   'r' who: 1 byte | the bytes of one connection
//   'h' who: 1 byte | method, target, Host, Authorization: texts | further headers; one request
//   'a' the address of --admin
//   'g' a pattern of POST /resnapshot
// who := 'o' the owner of the socket | 't' a client of TCP, and there is a token | anything else: a
// client of TCP, and there is none.
//
// The relay that is asked never runs, and so never asks its servers; all that a request passes
// through on its way is the real thing.

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <string>

#include "admin/http_exchange.h"
#include "admin/request_handler.h"
#include "base/log.h"
#include "base/utf8.h"
#include "capture/table_filter.h"
#include "fuzz/fuzz_input.h"
#include "options/admin_address.h"

namespace bw {
namespace {

constexpr char kToken[] = "s3cret";
// Of what a client sends, a message may repeat all, and a control character takes four bytes there.
constexpr size_t kLineBytesMax = 4 * HttpExchange::kRequestBytesMax + 1000;
// Of an answer. The page is the longest.
constexpr size_t kAnswerBytesMax = 128 * 1024;

enum class Client { kOwner, kWithToken, kWithoutToken };

Client ClientOf(uint8_t byte) {
  return byte == 'o' ? Client::kOwner : byte == 't' ? Client::kWithToken : Client::kWithoutToken;
}

// --- What is asked ------------------------------------------------------------------------------

AdminOptions OptionsWith(const char* token) {
  AdminOptions options;
  options.token = token;
  options.hosts = {"relay.example"};
  return options;
}

// A relay that nobody has started.
struct Endpoint {
  Endpoint()
      : relay(Options(),
              {.postgres = [](const auto&...) { return nullptr; },
               .kafka = [](const auto&...) { return nullptr; },
               .registry = [](const auto&) { return nullptr; },
               .abandon = [](ExitCode) {}},
              &stop),
        monitor([this] { return relay.Status(); }, Duration(60'000), nullptr),
        with_token(OptionsWith(kToken), &relay, &monitor),
        without_token(AdminOptions(), &relay, &monitor) {
    spdlog::set_level(spdlog::level::off);
  }

  RequestHandler& HandlerFor(Client client) {
    return client == Client::kWithToken ? with_token : without_token;
  }

  Stop stop;
  Relay relay;
  Monitor monitor;
  RequestHandler with_token;
  RequestHandler without_token;
};

Endpoint& TheEndpoint() {
  static Endpoint endpoint;
  return endpoint;
}

// --- Claims -------------------------------------------------------------------------------------

// Another reader of a Host header; one name is listed.
bool IsOurs(const std::string& host) {
  static const std::regex ours(
      R"((localhost|relay\.example|\d{1,3}(\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\])(:\d{0,5})?)",
      std::regex::icase);
  return host.size() < 100 && std::regex_match(host, ours);
}

void CheckAccess(Client client, const AdminRequest& request, int status) {
  BW_CHECK(request.from_owner == (client == Client::kOwner));
  if (client == Client::kOwner) return;
  BW_CHECK(status == 421 || IsOurs(request.host));
  if (status == 421 || request.method == "GET") return;
  static const std::regex bearer(std::string("[Bb][Ee][Aa][Rr][Ee][Rr] ") + kToken);
  const bool has_token =
      client == Client::kWithToken && std::regex_match(request.authorization, bearer);
  BW_CHECK(has_token || status == 405 || status == (client == Client::kWithToken ? 401 : 403));
}

// Only what says so without doubt pauses a side.
void CheckPauses(const AdminRequest& request, int status, Relay* relay) {
  const bool capture = relay->is_paused(Relay::Side::kCapture);
  const bool publish = relay->is_paused(Relay::Side::kPublish);
  relay->Resume(Relay::Side::kCapture);
  relay->Resume(Relay::Side::kPublish);
  if (!capture && !publish) return;
  BW_CHECK(request.method == "POST" && request.path == "/pause" && status == 200);
  BW_CHECK(!request.has_body);
  const std::multimap<std::string, std::string> both;
  const std::multimap<std::string, std::string> one = {{"side", capture ? "capture" : "publish"}};
  BW_CHECK(request.parameters == (capture && publish ? both : one));
}

// What is mistyped does not read all tables again.
void CheckResnapshot(const AdminRequest& request, int status) {
  if (request.path != "/resnapshot" || request.method != "POST") return;
  const bool is_clear =
      !request.has_body && request.parameters.count("table") == request.parameters.size();
  const bool is_refused = status == 400 || status == 401 || status == 403 || status == 421;
  BW_CHECK(is_refused || (is_clear && status == 503));  // There is no snapshot yet.
}

void CheckResponse(const AdminResponse& response) {
  BW_CHECK(IsValidUtf8(response.body) && response.body.size() <= kAnswerBytesMax);
  for (const auto& [name, value] : response.headers) {
    BW_CHECK((name + value).find_first_of("\r\n") == std::string::npos);
  }
  if (response.content_type == "application/json") {
    BW_CHECK(nlohmann::json::accept(response.body));
  } else if (response.status != 200) {
    BW_CHECK(response.body.ends_with('\n'));
    const std::string_view line(response.body.data(), response.body.size() - 1);
    fuzz::CheckMessage(line, "", kLineBytesMax);
  }
}

// What came back on the connection: nothing, or one response that is as long as it says.
void CheckWire(std::string_view wire, const std::optional<AdminResponse>& response, bool is_head) {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (wire.starts_with(kContinue)) wire.remove_prefix(kContinue.size());
  BW_CHECK(!wire.empty() || !response);
  if (wire.empty()) return;
  const size_t end = wire.find("\r\n\r\n");
  BW_CHECK(end != std::string_view::npos);
  const std::string head(wire.substr(0, end + 2));
  const std::string_view body = wire.substr(end + 4);
  std::smatch found;
  static const std::regex status_line(R"(HTTP/1\.1 (\d{3}) [^\r\n]*\r\n)");
  BW_CHECK(std::regex_search(head, found, status_line, std::regex_constants::match_continuous));
  const int status = std::stoi(found[1]);
  BW_CHECK(response ? status == response->status : status >= 400);
  static const std::regex length_line(R"(\r\nContent-Length: (\d+)\r\n)");
  BW_CHECK(std::regex_search(head, found, length_line));
  const size_t length = std::stoul(found[1]);
  BW_CHECK(body.size() == (is_head ? 0 : length));
  const bool is_compressed = head.find("\r\nContent-Encoding: ") != std::string::npos;
  if (response && !is_compressed) BW_CHECK(length == response->body.size());
  BW_CHECK(head.find("\r\nBottledwater-") == std::string::npos);
}

// --- One connection -----------------------------------------------------------------------------

std::string ReadAll(int fd) {
  std::string all;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t count = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count <= 0) return all;
    all.append(buffer, static_cast<size_t>(count));
  }
}

void CheckConnection(Client client, std::string_view bytes) {
  Endpoint& endpoint = TheEndpoint();
  std::optional<AdminRequest> request;
  std::optional<AdminResponse> response;
  HttpExchange exchange([&](const AdminRequest& asked) {
    BW_CHECK(!request);
    request = asked;
    response = endpoint.HandlerFor(client).Handle(asked);
    return *response;
  });
  int ends[2];
  BW_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  // Both directions fit into the sockets' buffers, so one thread is enough.
  const size_t sent =
      bytes.empty() ? 0 : static_cast<size_t>(send(ends[0], bytes.data(), bytes.size(), 0));
  BW_CHECK(sent == bytes.size());
  shutdown(ends[0], SHUT_WR);
  const auto began = std::chrono::steady_clock::now();
  const std::clock_t cpu_began = std::clock();
  exchange.Serve(ends[1], client == Client::kOwner);
  close(ends[1]);
  const std::string wire = ReadAll(ends[0]);
  close(ends[0]);
  if (std::chrono::steady_clock::now() - began >= HttpExchange::kRequestTime) {
    // The process was stopped meanwhile, and so the deadline was missed: no answer is right.
    BW_CHECK(std::clock() - cpu_began < CLOCKS_PER_SEC);
    return;
  }
  CheckWire(wire, response, bytes.starts_with("HEAD"));
  if (!request) return;
  CheckAccess(client, *request, response->status);
  CheckPauses(*request, response->status, &endpoint.relay);
  CheckResnapshot(*request, response->status);
  CheckResponse(*response);
}

void CheckRequest(Client client, fuzz::Input* input) {
  const std::string_view method = input->Text();
  const std::string_view target = input->Text();
  const std::string_view host = input->Text();
  const std::string_view authorization = input->Text();
  CheckConnection(
      client, fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n{}\r\n\r\n", method,
                          target, host, authorization, input->Rest()));
}

// --- Options and patterns -----------------------------------------------------------------------

void CheckAddress(const std::string& text) {
  AdminAddress address;
  if (!fuzz::Accepts(ErrorKind::kUsage, "--admin: ", 4 * text.size() + 200,
                     [&] { address = ParseAdminAddress(text); })) {
    return;
  }
  BW_CHECK(!address.port.empty());
  BW_CHECK(address.port.find(':') == std::string::npos);
  const bool has_brackets = text.starts_with('[');
  BW_CHECK(text == (has_brackets ? "[" + address.host + "]:" : address.host + ":") + address.port);
  if (address.port.find_first_not_of("0123456789") == std::string::npos) {
    const int number = std::stoi(address.port);
    BW_CHECK(number >= 1 && number <= 65535);
  }
}

void CheckPattern(const std::string& pattern) {
  const TableFilter filter({pattern}, {});
  const std::string name(60, 'a');
  const bool selects = filter.Selects("public", "orders");
  filter.Selects(name, name);  // In time.
  if (pattern.find_first_of("*?[\\") != std::string::npos &&
      pattern.find('\0') == std::string::npos) {
    return;
  }
  BW_CHECK(selects == (pattern == "orders" || pattern == "public.orders"));
}

}  // namespace
}  // namespace bw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bw::fuzz::Input input(data, size);
  switch (input.U8()) {
    case 'r': {
      const bw::Client client = bw::ClientOf(input.U8());
      bw::CheckConnection(client, input.Rest());
      break;
    }
    case 'h': {
      const bw::Client client = bw::ClientOf(input.U8());
      bw::CheckRequest(client, &input);
      break;
    }
    case 'a':
      bw::CheckAddress(std::string(input.Rest()));
      break;
    case 'g':
      bw::CheckPattern(std::string(input.Rest()));
      break;
    default:
      return -1;
  }
  return 0;
}
