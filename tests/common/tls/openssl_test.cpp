// The server engine against openssl's client over a socket in a temporary directory: what our own client cannot be made
// to do (no certificate, renegotiation, other versions and suites), and a second implementation on the wire.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>

#include "tests/common/tls/engine_pair.h"
#include "tests/support/doctest.h"

extern char** environ;

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;

namespace {

constexpr int kDeadlineMs = 20000;  // for each wait; nothing takes a second

// A listening socket, an s_client that connects to it, and the engine that answers.
class OpensslClient {
 public:
  OpensslClient(Mesh& mesh, std::vector<std::string> options) : context_(mesh.server_context()) {
    const std::string path = (mesh.ca.scratch() / "s").string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    options.insert(options.begin(), {"openssl", "s_client", "-unix", path, "-CAfile", mesh.ca.bundle().string()});
    start(options);
    REQUIRE(wait_readable(listener));
    socket_ = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    ::unlink(path.c_str());
    engine = TlsEngine::server(context_).value();
  }
  ~OpensslClient() {
    ::close(socket_);
    ::close(input_);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  OpensslClient(const OpensslClient&) = delete;
  OpensslClient& operator=(const OpensslClient&) = delete;

  void type(std::string_view text) {
    REQUIRE(::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  // Moves bytes until `done`, an error, or the end of the stream.
  void serve_until(const std::function<bool()>& done) {
    std::uint8_t block[16384];
    while (!done() && !error) {
      flush();
      REQUIRE(wait_readable(socket_));
      const ssize_t n = ::read(socket_, block, sizeof block);
      if (n <= 0) break;
      if (const auto taken = engine->receive({block, static_cast<std::size_t>(n)}); !taken) error = taken.error();
    }
    flush();
  }

  std::unique_ptr<TlsEngine> engine;
  std::optional<Error> error;

 private:
  void start(const std::vector<std::string>& arguments) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    REQUIRE(::posix_spawnp(&pid_, "openssl", &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    input_ = ends[1];
  }
  static bool wait_readable(int fd) {
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, kDeadlineMs) == 1;
  }
  void flush() {
    while (!engine->output().empty()) {
      const ssize_t n = ::send(socket_, engine->output().data(), engine->output().size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      engine->sent(static_cast<std::size_t>(n));
    }
  }

  TlsServerContext context_;
  pid_t pid_ = -1;
  int input_ = -1;
  int socket_ = -1;
};

std::vector<std::string> with_identity(Mesh& mesh, std::vector<std::string> options) {
  const IdentityFiles files = mesh.ca.issue("agent/openssl");
  options.insert(options.end(),
                 {"-cert", files.cert.string(), "-cert_chain", files.cert.string(), "-key", files.key.string()});
  return options;
}

// An identity that openssl made with a key of that kind, which our own CA does not issue; valid by the system's clock.
std::vector<std::string> with_foreign_key(Mesh& mesh, const std::string& kind, std::vector<std::string> options) {
  const std::string base = (mesh.ca.scratch() / "foreign").string();
  const std::string newkey = kind.starts_with("ec:") ? "ec -pkeyopt ec_paramgen_curve:" + kind.substr(3) : kind;
  std::ofstream(base + ".ext") << "subjectAltName=URI:spiffe://mesh.test/agent/foreign\nkeyUsage=digitalSignature\n";
  const std::string ca = (mesh.ca.dir() / "intermediate").string();
  const std::string script = fmt::format(
      "openssl req -newkey {1} -nodes -subj /CN=foreign -keyout {0}.key -out {0}.csr 2>/dev/null && "
      "openssl x509 -req -in {0}.csr -CA {2}.crt -CAkey {2}.key -set_serial 7 -days 1 -sha256 "
      "-extfile {0}.ext -out {0}.crt 2>/dev/null && cat {2}.crt >> {0}.crt",
      base, newkey, ca);
  REQUIRE(std::system(script.c_str()) == 0);
  options.insert(options.end(), {"-cert", base + ".crt", "-cert_chain", base + ".crt", "-key", base + ".key"});
  return options;
}

}  // namespace

TEST_CASE("openssl with a certificate gets in, and data flows") {
  Mesh mesh;
  OpensslClient client(mesh, with_identity(mesh, {"-alpn", "fairlead/1", "-quiet"}));
  client.type("hello from openssl\n");
  client.serve_until([&] { return !client.engine->plaintext().empty(); });
  CHECK_FALSE(client.error);
  REQUIRE(client.engine->handshake_done());
  CHECK(client.engine->peer().spiffe_id == "spiffe://mesh.test/agent/openssl");
  CHECK(take_text(*client.engine) == "hello from openssl\n");
}

TEST_CASE("a client without a certificate is refused with an alert") {
  Mesh mesh;
  OpensslClient client(mesh, {"-alpn", "fairlead/1"});
  client.serve_until([] { return false; });
  REQUIRE(client.error);
  CHECK(client.error->reason == Reason::certificate_missing);
  CHECK_FALSE(client.engine->handshake_done());
}

TEST_CASE("a client without a certificate is nobody where it may be") {
  Mesh mesh;
  crypto::Digest none{};
  mesh.client_certificate = ClientCertificate::optional;
  OpensslClient client(mesh, {"-alpn", "fairlead/1"});
  client.serve_until([&] { return client.engine->handshake_done(); });
  CHECK_FALSE(client.error);
  REQUIRE(client.engine->handshake_done());
  CHECK(client.engine->peer().spiffe_id.empty());
  CHECK(client.engine->peer().leaf_hash == none);
}

TEST_CASE("identities that break the rules are refused at the handshake") {
  struct Row {
    Flaw flaw;
    Reason reason;
  };
  for (const Row& row :
       {Row{Flaw::no_uri, Reason::certificate_identity}, Row{Flaw::two_uris, Reason::certificate_identity},
        Row{Flaw::not_spiffe, Reason::certificate_identity}}) {
    Mesh mesh;
    const IdentityFiles files = mesh.ca.issue_flawed("agent/a", row.flaw);
    OpensslClient client(mesh, {"-alpn", "fairlead/1", "-cert", files.cert.string(), "-cert_chain", files.cert.string(),
                                "-key", files.key.string()});
    client.serve_until([] { return false; });
    REQUIRE(client.error);
    CHECK_MESSAGE(client.error->reason == row.reason, client.error->detail);
  }
}

TEST_CASE("renegotiation ends the connection") {
  Mesh mesh;
  OpensslClient client(mesh, with_identity(mesh, {"-alpn", "fairlead/1", "-tls1_2"}));
  client.serve_until([&] { return client.engine->handshake_done(); });
  REQUIRE(client.engine->handshake_done());
  client.type("R\n");
  client.serve_until([] { return false; });
  REQUIRE(client.error);
  CHECK(client.error->reason == Reason::protocol_error);
  CHECK(client.error->detail.find("renegotiation") != std::string::npos);
}

TEST_CASE("other versions, suites and protocols are refused") {
  Mesh mesh;
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"-alpn", "fairlead/1", "-tls1_3"},
        {"-alpn", "fairlead/1", "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"},
        {"-alpn", "fairlead/1", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"},
        {"-alpn", "fairlead/1", "-tls1_2", "-groups", "P-384"},
        {"-alpn", "h2"},
        {"-tls1_2"}}) {
    OpensslClient client(mesh, with_identity(mesh, options));
    client.serve_until([] { return false; });
    REQUIRE(client.error);
    CHECK(client.error->reason == Reason::handshake_failed);
  }
}

TEST_CASE("the profile for services speaks with clients that would rather have another curve") {
  for (const std::string curve : {"P-256", "X25519:P-256", "P-384:P-256"}) {
    CAPTURE(curve);
    Mesh mesh;
    mesh.profile = Profile::service;
    OpensslClient client(mesh, with_identity(mesh, {"-alpn", "fairlead/1", "-quiet", "-tls1_2", "-groups", curve,
                                                    "-sigalgs", "ECDSA+SHA256"}));
    client.type("hello\n");
    client.serve_until([&] { return !client.engine->plaintext().empty(); });
    CHECK_MESSAGE(!client.error, (client.error ? client.error->detail : ""));
    CHECK(take_text(*client.engine) == "hello\n");
  }
}

TEST_CASE("the profile for services takes a client's key that sessions refuse") {
  struct Row {
    const char* key;
    Profile profile;
    bool gets_in;
  };
  for (const Row& row : {Row{"rsa:2048", Profile::service, true}, Row{"ec:P-384", Profile::service, true},
                         Row{"ec:P-384", Profile::session, false}}) {
    CAPTURE(row.key);
    Mesh mesh{.ca = TestCa("mesh.test", system_now()), .now = system_now() + 1h};  // after openssl has signed
    mesh.profile = row.profile;
    OpensslClient client(mesh, with_foreign_key(mesh, row.key, {"-alpn", "fairlead/1", "-tls1_2"}));
    client.serve_until([&] { return client.engine->handshake_done(); });
    CHECK_MESSAGE(client.error.has_value() != row.gets_in, (client.error ? client.error->detail : ""));
    if (!row.gets_in) continue;
    REQUIRE(client.engine->handshake_done());
    CHECK(client.engine->peer().spiffe_id == "spiffe://mesh.test/agent/foreign");
  }
}

TEST_CASE("the profile for services refuses what sessions refuse") {
  Mesh mesh;
  mesh.profile = Profile::service;
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"-alpn", "fairlead/1", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"},
        {"-alpn", "fairlead/1", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}}) {
    OpensslClient client(mesh, with_identity(mesh, options));
    client.serve_until([] { return false; });
    REQUIRE(client.error);
    CHECK(client.error->reason == Reason::handshake_failed);
  }
}
