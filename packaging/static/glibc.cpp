// What a program needs that carries glibc and libstdc++ with it. Linked into static programs only; runs before main.
#include <nss.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace {

// Names come from /etc/hosts and DNS, which are built into the C library. Whatever else nsswitch.conf names would be
// loaded as a shared object of exactly this glibc, which a device does not have.
[[gnu::constructor]] void use_built_in_name_services() {
  __nss_configure_lookup("hosts", "files dns");
}

}  // namespace

namespace __gnu_cxx {

// Takes the place of the library's own, which brings the demangler: a tenth of a megabyte to name the type of an
// exception that nothing here throws, but for memory that ran out.
void __verbose_terminate_handler() {
  constexpr std::string_view kLast = "fairlead: terminated, most likely out of memory\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLast.data(), kLast.size());
  std::abort();
}

}  // namespace __gnu_cxx
