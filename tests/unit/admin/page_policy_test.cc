#include "admin/page_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "admin/page.h"

namespace bw {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PagePolicy, AllowsWhatIsInThePageByItsHash) {
  // printf a | openssl dgst -sha256 -binary | base64
  const std::string policy =
      ContentSecurityPolicy("<style>a</style><p>x</p><script>b\n</script><script></script>");
  EXPECT_THAT(policy,
              HasSubstr("style-src 'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=';"));
  EXPECT_THAT(policy, HasSubstr("script-src 'sha256-AmOCmYm2/ZVPcrqvL8ZLwuLwHWktTecphuqAj26ZgT8=' "
                                "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';"));
  EXPECT_THAT(ContentSecurityPolicy("<p>x</p>"), HasSubstr("script-src 'none';"));
}

// What has no hash: attributes with styles or handlers, and elements with attributes of their own.
TEST(PagePolicy, IsEnoughForThePage) {
  EXPECT_THAT(ContentSecurityPolicy(kPage), Not(HasSubstr("unsafe")));
  const std::string page(kPage);
  for (const char* allowed_by_nothing : {" style=\"", " onclick=", " onload=", "javascript:",
                                         "<script ", "<style ", ".setAttribute(\"style\""}) {
    EXPECT_THAT(page, Not(HasSubstr(allowed_by_nothing)));
  }
  EXPECT_EQ(std::ranges::count(page, '\r'), 0);  // A browser hashes the text without them.
}

}  // namespace
}  // namespace bw
