"""Certificates for tests: ordinary ones from the product's own CA, odd ones (expired, foreign, two identities) by openssl."""
import pathlib
import subprocess


def openssl(*words, cwd=None):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=cwd)


class Authority:
    """The mesh CA that `fairlead-rendezvous ca` makes, and what it issued."""

    def __init__(self, directory, trust_domain, run_program):
        self.dir, self.trust_domain, self.run = directory, trust_domain, run_program
        self.must("ca", "init", "--dir", directory, "--trust-domain", trust_domain)
        self.bundle = directory / "ca.crt"
        self.issued = {}

    def must(self, *words):
        answer = self.run("fairlead-rendezvous", *words)
        if answer.returncode != 0:
            raise AssertionError(f"{words} ended with {answer.returncode}: {answer.stderr}")
        return answer

    def issue(self, path, dns=(), ip=(), days=None):
        """Issues once per identity; asking again for the same gives the same files."""
        key = (path, tuple(dns), tuple(ip), days)
        if key not in self.issued:
            prefix = self.dir / f"{path.replace('/', '_')}-{len(self.issued)}"
            words = [word for name in dns for word in ("--dns", name)]
            words += [word for address in ip for word in ("--ip", address)]
            words += ["--days", days] if days else []
            self.must("ca", "issue", "--dir", self.dir, "--id", f"spiffe://{self.trust_domain}/{path}", *words, "--out", prefix)
            self.issued[key] = prefix
        return self.issued[key]

    @property
    def intermediate(self):
        """Prefix of the intermediate's certificate and key."""
        (certificate,) = [p for p in self.dir.glob("*.crt") if "intermediate" in p.name]
        return certificate.with_suffix("")

    def successor(self):
        """A new root that the old one vouches for; its certificate in PEM."""
        prefix = self.dir / "successor"
        new_key(f"{prefix}.key")
        prefix.with_suffix(".ext").write_text("basicConstraints=critical,CA:TRUE\n")
        openssl("req", "-new", "-key", f"{prefix}.key", "-subj", "/CN=successor", "-out", f"{prefix}.csr")
        openssl("x509", "-req", "-in", f"{prefix}.csr", "-CA", self.dir / "root.crt", "-CAkey", self.dir / "root.key",
                "-set_serial", "77", "-days", "9", "-extfile", f"{prefix}.ext", "-out", f"{prefix}.crt")
        return prefix.with_suffix(".crt").read_text()

    def issue_odd(self, name, sans=(), begin=None, end=None, usage="serverAuth,clientAuth"):
        """A certificate the product would not make, signed by the mesh's intermediate. Dates: YYYYMMDDHHMMSSZ."""
        return sign(self.dir, name, self.intermediate, sans, begin, end, usage)


class ForeignAuthority:
    """Another CA that nobody here trusts, with the same names."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir()
        new_key(self.dir / "foreign.key")
        openssl("req", "-x509", "-new", "-key", self.dir / "foreign.key", "-subj", "/CN=somebody else", "-days", "30",
                "-addext", "basicConstraints=critical,CA:TRUE", "-out", self.dir / "foreign.crt")

    def issue(self, name, sans):
        return sign(self.dir, name, self.dir / "foreign", sans)


def new_key(path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def sign(directory, name, signer, sans, begin=None, end=None, usage="serverAuth,clientAuth"):
    """Signs with `openssl ca`, the one command of it that takes both ends of the validity."""
    prefix = directory / f"odd-{name}"
    database = directory / f"odd-{name}.db"
    database.write_text("")
    extensions = f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\n"
    if sans:
        extensions += f"subjectAltName=critical,{','.join(sans)}\n"
    config = directory / f"odd-{name}.cnf"
    config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={directory}\nrand_serial=yes\n"
                      f"default_md=sha256\npolicy=p\nunique_subject=no\nx509_extensions=x\n[p]\ncommonName=optional\n"
                      f"[x]\n{extensions}[req]\ndistinguished_name=n\n[n]\n")
    new_key(f"{prefix}.key")
    openssl("req", "-new", "-key", f"{prefix}.key", "-subj", f"/CN={name}", "-out", f"{prefix}.csr", "-config", config)
    openssl("ca", "-batch", "-notext", "-config", config, "-cert", f"{signer}.crt", "-keyfile", f"{signer}.key",
            "-startdate", begin or "20200101000000Z", "-enddate", end or "20400101000000Z",
            "-in", f"{prefix}.csr", "-out", f"{prefix}.crt")
    with open(f"{prefix}.crt", "a", encoding="ascii") as chain:
        chain.write(pathlib.Path(f"{signer}.crt").read_text())
    return prefix
