#include "agent/join/renewed_files.h"

#include <sys/stat.h>

#include "tests/agent/join/renewal_rig.h"
#include "tests/rendezvous/ca/shell.h"

namespace fairlead::agent {
namespace {

struct FilesRig : RenewalRig {
  // Refused, and every file is what it was.
  void check_refused(const wire::Renewed& answer, const std::string& part_of_detail) {
    const std::string cert = text(files.cert);
    const std::string bundle = text(files.ca);
    const auto kept = keep_renewed(files, *own, answer);
    REQUIRE_FALSE(kept);
    CHECK(kept.error().reason == Reason::renewal_unusable);
    CHECK_MESSAGE(kept.error().detail.find(part_of_detail) != std::string::npos, kept.error().detail);
    CHECK(text(files.cert) == cert);
    CHECK(text(files.ca) == bundle);
    check_no_leftovers();
  }
  void check_no_leftovers() const {
    for (const auto& entry : std::filesystem::directory_iterator(dir)) {
      CHECK_MESSAGE(entry.path().string().find(".renewed") == std::string::npos, entry.path());
    }
  }
};

TEST_CASE("a renewed certificate takes the place of the old one, beside the same key") {
  FilesRig rig;
  const std::string key = rig.text(rig.files.key);
  const std::string bundle = rig.text(rig.files.ca);
  ::chmod(rig.files.cert.c_str(), 0640);
  const auto kept = keep_renewed(rig.files, *rig.own, rig.answer(rig.now + 30s));
  REQUIRE_MESSAGE(kept, kept.error().detail);
  const auto loaded = rig.load();
  CHECK(loaded->not_after() == rig.now + 30s);
  CHECK(loaded->leaf_hash() == (*kept)->leaf_hash());
  CHECK(loaded->spiffe_id() == kOwnId);
  CHECK(rig.text(rig.files.key) == key);
  CHECK(rig.text(rig.files.ca) == bundle);
  struct stat info{};
  REQUIRE(::stat(rig.files.cert.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  rig.check_no_leftovers();
}

TEST_CASE("what is not for this key, this name, or a later time is refused") {
  FilesRig rig;
  const test::TestCa& ca = rig.ca;
  test::TestCa for_key("mesh.test");
  rig.check_refused(rig.answer(ca, rig.csr(*for_key.credentials("agent/home/nas1")), kOwnId, rig.now + 30s), "key");
  rig.check_refused(rig.answer(ca, rig.csr(*rig.own), "spiffe://mesh.test/agent/home/nas2", rig.now + 30s), "nas2");
  rig.check_refused(rig.answer(rig.own->not_after()), "no later");
  rig.check_refused({}, "");
  wire::Renewed garbage = rig.answer(rig.now + 30s);
  garbage.chain[0] = Bytes(200, 0x30);
  rig.check_refused(garbage, "");
}

TEST_CASE("a chain of another CA is refused, and that CA with it") {
  FilesRig rig;
  test::TestCa other("mesh.test");
  wire::Renewed foreign = rig.answer(other, rig.csr(*rig.own), kOwnId, rig.now + 30s);
  rig.check_refused(foreign, "no CA");
  foreign.bundle = other.credentials("rendezvous/main")->ca_der();
  rig.check_refused(foreign, "none of its CAs");
  foreign.bundle.push_back(rig.own->ca_der()[0]);
  rig.check_refused(foreign, "no CA");
}

TEST_CASE("of the bundle those CAs are taken over that ours vouches for") {
  FilesRig rig;
  const std::string root = (rig.ca.dir() / "root").string();
  const auto made = test::shell(
      "cd " + rig.ca.scratch().string() + " && printf 'basicConstraints=critical,CA:TRUE\n' > ext && openssl req -new" +
      " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout next.key -subj /CN=next -out next.csr && openssl" +
      " x509 -req -in next.csr -CA " + root + ".crt -CAkey " + root +
      ".key -set_serial 7 -days 9 -extfile ext -outform DER -out next.der");
  REQUIRE_MESSAGE(made.status == 0, made.output);
  const auto next = tls::read_whole_file(rig.ca.scratch() / "next.der", 8192);
  REQUIRE(next);
  test::TestCa other("mesh.test");
  wire::Renewed answer = rig.answer(rig.now + 30s);
  answer.bundle.push_back(*next);
  answer.bundle.push_back(other.credentials("rendezvous/main")->ca_der()[0]);
  REQUIRE(keep_renewed(rig.files, *rig.own, answer));
  CHECK(rig.load()->ca_der() == std::vector<Bytes>{rig.own->ca_der()[0], *next});
}

TEST_CASE("an answer without a bundle leaves ours") {
  FilesRig rig;
  wire::Renewed answer = rig.answer(rig.now + 30s);
  answer.bundle.clear();
  REQUIRE(keep_renewed(rig.files, *rig.own, answer));
  CHECK(rig.load()->ca_hash() == rig.own->ca_hash());
}

TEST_CASE("a link to the certificate stays a link") {
  FilesRig rig;
  const std::filesystem::path elsewhere = rig.ca.scratch() / "elsewhere";
  std::filesystem::create_directory(elsewhere);
  std::filesystem::rename(rig.files.cert, elsewhere / "real.crt");
  std::filesystem::create_symlink(elsewhere / "real.crt", rig.files.cert);
  REQUIRE(keep_renewed(rig.files, *rig.own, rig.answer(rig.now + 30s)));
  CHECK(std::filesystem::is_symlink(rig.files.cert));
  CHECK(rig.load()->not_after() == rig.now + 30s);
}

TEST_CASE("a folder that cannot be written is known before anybody is asked") {
  FilesRig rig;
  CHECK(check_replaceable(rig.files));
  const auto nowhere = check_replaceable({"/proc/agent.crt", rig.files.key, rig.files.ca});
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().reason == Reason::state_unwritable);
}

}  // namespace
}  // namespace fairlead::agent
