# One interface target carries the warnings, hardening flags and sanitizers that every target of
# ours builds with. Libraries from Debian are included as system headers and stay quiet.
add_library(bw_compile_options INTERFACE)
target_include_directories(bw_compile_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(bw_compile_options INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Wunused
  -Woverloaded-virtual -Wconversion -Wsign-conversion -Wimplicit-fallthrough -Werror=return-type
  -fstack-protector-strong -fstack-clash-protection)
target_compile_definitions(bw_compile_options INTERFACE BOTTLEDWATER_VERSION="${PROJECT_VERSION}")
target_link_options(bw_compile_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

if(BOTTLEDWATER_KILL_POINTS)
  target_compile_definitions(bw_compile_options INTERFACE BOTTLEDWATER_KILL_POINTS)
endif()

if(BOTTLEDWATER_SANITIZE)
  target_compile_options(bw_compile_options INTERFACE
    -fsanitize=${BOTTLEDWATER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(bw_compile_options INTERFACE -fsanitize=${BOTTLEDWATER_SANITIZE})
else()
  target_compile_options(bw_compile_options INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE>
                                              $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2>)
  target_compile_definitions(bw_compile_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()

if(BOTTLEDWATER_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "BOTTLEDWATER_FUZZ needs clang: cmake --preset fuzz")
  endif()
  # libFuzzer follows the code by the counters that this adds; its main() is in tests/fuzz alone.
  target_compile_options(bw_compile_options INTERFACE -fsanitize=fuzzer-no-link)
  target_compile_definitions(bw_compile_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# A folder of src/ is one static library with the folder's name.
function(bw_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC bw_compile_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()
