"""A token is made, a device without an identity joins with it, and an agent runs with what it got. The first joiner here is
a second reading of the protocol: Python's TLS, openssl's certificate requests. The second one is `fairlead-agent join`."""
import base64
import hashlib
import json
import socket
import ssl
import struct
import subprocess

from certs import openssl
from harness import LOOPBACK, MeshTest, READY, free_port, run_program, toml_document, wait_until


def read_token(text):
    word = text.removeprefix("fl1_").upper()
    data = base64.b32decode(word + "=" * (-len(word) % 8))
    address_end = 58 + data[57]
    return {"id": data[:8], "secret": data[8:24], "pin": data[24:56], "address": data[58:address_end].decode(),
            "rendezvous_id": data[address_end + 1:address_end + 1 + data[address_end]].decode()}


def short(text):
    return bytes([len(text)]) + text.encode()


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, count):
        out, self.data = self.data[:count], self.data[count:]
        return out

    def text(self):
        return self.take(self.take(1)[0]).decode()

    def blobs(self):
        return [self.take(struct.unpack(">H", self.take(2))[0]) for _ in range(self.take(1)[0])]


class Joining(MeshTest):
    def setUp(self):
        super().setUp()
        signer = self.mesh.authority.intermediate
        self.rendezvous = self.mesh.start_rendezvous(tables={
            "signer": {"mode": "file", "cert": f"{signer}.crt", "key": f"{signer}.key"}})

    def token_command(self, *words):
        return run_program("fairlead-rendezvous", "token", *words, "--config", self.rendezvous.config)

    def new_token(self, *words):
        answer = self.token_command("create", "--json", *words)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return json.loads(answer.stdout)["token"]

    def csr(self, name):
        prefix = self.mesh.dir / f"join-{name}"
        if not prefix.with_suffix(".der").exists():
            openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout",
                    f"{prefix}.key", "-outform", "DER", "-out", f"{prefix}.der")
        return prefix.with_suffix(".der").read_bytes()

    def connect(self):
        context = ssl.create_default_context(cafile=self.mesh.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.set_alpn_protocols(["fairlead-join/1"])
        plain = socket.create_connection((LOOPBACK, self.rendezvous.port), timeout=READY)
        return context.wrap_socket(plain)

    def join(self, token, name, key=None, secret=None):
        """(Joined as a dictionary, None) or (None, reason code)."""
        body = b"\1" + token["id"] + (secret or token["secret"]) + short(name)
        csr = self.csr(key or name)
        body += struct.pack(">H", len(csr)) + csr + short("e2e")
        with self.connect() as stream:
            stream.sendall(struct.pack(">H", len(body)) + body)
            answer = b""
            while part := stream.recv(65536):
                answer += part
        self.assertEqual(len(answer), 2 + struct.unpack(">H", answer[:2])[0])
        reader = Reader(answer[3:])
        if answer[2] == 3:
            return None, reader.text()
        joined = {"chain": reader.blobs(), "bundle": reader.blobs(), "trust_domain": reader.text(), "cluster": reader.text(),
                  "name": reader.text()}
        joined["rendezvous"] = [reader.text() for _ in range(reader.take(1)[0])]
        return joined, None

    def test_a_device_joins_and_serves(self):
        token = read_token(self.new_token())
        root = openssl("x509", "-in", self.mesh.ca, "-noout", "-pubkey").stdout
        key_der = ssl.PEM_cert_to_DER_cert(root.decode().replace("PUBLIC KEY", "CERTIFICATE"))
        self.assertEqual(token["pin"], hashlib.sha256(key_der).digest())
        self.assertEqual(token["address"], f"{LOOPBACK}:{self.rendezvous.port}")
        joined, _ = self.join(token, "nas7")
        self.assertEqual(joined["cluster"], "home")
        self.assertEqual(joined["rendezvous"], [f"{LOOPBACK}:{self.rendezvous.port}"])
        prefix = self.mesh.dir / "join-nas7"
        prefix.with_suffix(".crt").write_text("".join(map(ssl.DER_cert_to_PEM_cert, joined["chain"])))
        service = self.mesh.start_service("commands")
        self.mesh.start_agent("nas7", [{"name": "web", "target": service.target}], cert=prefix)
        agents = self.rendezvous.status("agents")["agents"]
        self.assertEqual([agent["id"] for agent in agents], ["spiffe://mesh.test/agent/home/nas7"])
        self.assertTrue(self.rendezvous.records(msg="a device joined", agent="nas7.home"))

    def test_the_root_is_shown_to_who_knows_only_its_key(self):
        shown = openssl("s_client", "-connect", f"{LOOPBACK}:{self.rendezvous.port}", "-alpn", "fairlead-join/1", "-tls1_2",
                        "-showcerts").stdout.decode()
        self.assertIn(self.mesh.ca.read_text().strip(), shown)

    def test_a_use_is_one_device_and_an_answer_is_repeated(self):
        token = read_token(self.new_token("--name", "dev-*", "--uses", "2"))
        self.assertEqual(self.join(token, "nas"), (None, "token_name"))
        first, _ = self.join(token, "dev-1")
        self.rendezvous.kill()
        self.rendezvous = self.mesh.run_rendezvous("rv1", self.rendezvous.config)
        self.rendezvous.port = self.mesh.rendezvous_port
        self.assertEqual(self.join(token, "dev-1")[0]["chain"], first["chain"])
        self.assertEqual(self.join(token, "dev-1", key="other"), (None, "name_taken"))
        self.assertEqual(self.join(token, "dev-2", secret=bytes(16)), (None, "token_unknown"))
        self.assertIsNotNone(self.join(token, "dev-2")[0])
        self.assertEqual(self.join(token, "dev-3"), (None, "token_used"))
        self.assertEqual(self.join(dict(token, id=bytes(8)), "dev-3"), (None, "token_unknown"))
        wait_until(lambda: self.rendezvous.counter("token_unknown") == 2, "refusals are counted")

    def test_tokens_are_listed_revoked_and_end(self):
        text = self.new_token("--ttl", "1s")
        wait_until(lambda: not json.loads(self.token_command("list", "--json").stdout)["tokens"], "the token ends")
        self.assertEqual(self.join(read_token(text), "nas"), (None, "token_expired"))
        token = read_token(self.new_token("--cluster", "office", "--services", "web.office"))
        (listed,) = json.loads(self.token_command("list", "--json").stdout)["tokens"]
        self.assertEqual((listed["cluster"], listed["name"], listed["uses_left"]), ("office", "*", 1))
        self.assertEqual(self.token_command("revoke", listed["id"]).returncode, 0)
        self.assertEqual(self.token_command("revoke", listed["id"]).returncode, 1)
        self.assertEqual(self.join(token, "nas"), (None, "token_unknown"))
        for log in self.mesh.dir.glob("*.log"):
            self.assertNotIn(token["secret"].hex(), log.read_text(errors="replace"))
            self.assertNotIn(text, log.read_text(errors="replace"))

    def test_setup_is_all_that_a_server_needs(self):
        port, home = free_port(), self.mesh.dir / "server"
        words = ["setup", "--public", f"{LOOPBACK}:{port}", "--cluster", "office", "--dir", home]
        made = run_program("fairlead-rendezvous", *words)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual((home / "ca" / "intermediate.key").stat().st_mode & 0o777, 0o600)
        text = next(line.split()[-1] for line in made.stdout.splitlines() if "fairlead-agent join" in line)
        self.rendezvous = self.mesh.run_rendezvous("setup", home / "rendezvous.toml")
        self.rendezvous.port, self.mesh.authority.bundle = port, home / "ca" / "ca.crt"
        joined, _ = self.join(read_token(text), "nas")
        self.assertEqual((joined["cluster"], joined["trust_domain"]), ("office", "office.internal"))
        again = run_program("fairlead-rendezvous", *words)
        self.assertEqual(again.returncode, 1)
        self.assertIn("already_set_up", again.stderr)

    def test_a_room_for_members_lets_no_stranger_in(self):
        context = ssl.create_default_context(cafile=self.mesh.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.set_alpn_protocols(["fairlead/1"])
        with socket.create_connection((LOOPBACK, self.rendezvous.port), timeout=READY) as plain:
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                with context.wrap_socket(plain) as stream:
                    stream.sendall(b"x")
                    if not stream.recv(1):
                        raise ConnectionError


class Joiner(MeshTest):
    """`fairlead-agent join` at a server that `setup` made."""

    def setUp(self):
        super().setUp()
        self.port, self.home = free_port(), self.mesh.dir / "server"
        made = run_program("fairlead-rendezvous", "setup", "--public", f"{LOOPBACK}:{self.port}", "--dir", self.home)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.first_token = next(line.split()[-1] for line in made.stdout.splitlines() if "fairlead-agent join" in line)
        self.rendezvous = self.mesh.run_rendezvous("setup", self.home / "rendezvous.toml")
        self.dir = self.mesh.dir / "nas1"

    def new_token(self, *words):
        answer = run_program("fairlead-rendezvous", "token", "create", "--json", *words, "--config", self.rendezvous.config)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return json.loads(answer.stdout)["token"]

    def join(self, *words, dir=None, name="nas1", **kwargs):
        return run_program("fairlead-agent", "join", *words, "--name", name, "--dir", dir or self.dir, **kwargs)

    def joined(self, *words, **kwargs):
        answer = self.join("--json", *words, **kwargs)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return json.loads(answer.stdout)

    def refused(self, reason, *words, exit_code=1, **kwargs):
        answer = self.join(*words, **kwargs)
        self.assertEqual((answer.returncode, answer.stdout), (exit_code, ""))
        self.assertTrue(answer.stderr.startswith(f"fairlead-agent: {reason}: "), answer.stderr)
        self.assertEqual(answer.stderr.count("\n"), 1)
        return answer.stderr

    def files(self):
        return {file.name: file.read_bytes() for file in self.dir.iterdir()} if self.dir.exists() else {}

    def test_a_device_joins_runs_and_is_reached(self):
        answer = self.join(self.first_token)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("nas1.home joined", answer.stdout)
        self.assertIn(f"fairlead-agent run --config {self.dir}/agent.toml", answer.stdout)
        self.assertEqual(sorted(self.files()), ["agent.crt", "agent.key", "agent.toml", "ca.crt"])
        self.assertEqual((self.dir / "agent.key").stat().st_mode & 0o777, 0o600)
        # The service has the CA's certificate for its name; it is behind the agent as any other.
        service = run_program("fairlead-rendezvous", "ca", "issue", "--dir", self.home / "ca", "--id",
                              "spiffe://home.internal/service/web", "--dns", "web.home", "--out", self.mesh.dir / "web")
        self.assertEqual(service.returncode, 0, service.stderr)
        page = free_port()
        self.mesh.start_program("web", ["openssl", "s_server", "-accept", f"{LOOPBACK}:{page}", "-cert", self.mesh.dir / "web.crt",
                                        "-cert_chain", self.mesh.dir / "web.crt", "-key", self.mesh.dir / "web.key", "-www",
                                        "-quiet"], ready_port=page)
        config = self.dir / "agent.toml"
        with open(config, "a", encoding="utf-8") as out:
            out.write(toml_document({"nat": {"mapping": "off"},
                                     "service": [{"name": "web", "target": f"{LOOPBACK}:{page}", "mutual": "unchecked"}]}))
        self.mesh.run_agent("nas1", config)
        self.assertTrue((self.dir / "agent-state").is_dir())
        curl = subprocess.run(["curl", "-sS", "--max-time", str(READY), "--cacert", self.dir / "ca.crt", "--resolve",
                               f"web.home:{self.port}:{LOOPBACK}", f"https://web.home:{self.port}/"],
                              capture_output=True, text=True)
        self.assertEqual(curl.returncode, 0, curl.stderr)
        self.assertIn("Cipher", curl.stdout)

    def test_one_use_is_one_device_and_again_is_the_same_one(self):
        first = self.joined(self.first_token)
        self.assertEqual(first["id"], "spiffe://home.internal/agent/home/nas1")
        before = self.files()
        self.assertIn("agent.toml is there", self.refused("already_joined", self.first_token))
        self.assertEqual(self.files(), before)
        self.assertIn("no use left; next: ", self.refused("token_used", self.first_token, dir=self.mesh.dir / "nas2", name="nas2"))
        token = self.new_token("--uses", "3")
        self.assertIn("nas1.home is held", self.refused("name_taken", token, dir=self.mesh.dir / "nas2"))
        self.joined("--again", token)
        after = self.files()
        self.assertEqual(after["agent.key"], before["agent.key"])
        self.assertNotEqual(after["agent.crt"], before["agent.crt"])
        self.assertEqual(after["agent.toml.old"], before["agent.toml"])

    def test_a_lost_answer_costs_no_use(self):
        self.joined(self.first_token)
        certificate = (self.dir / "agent.crt").read_bytes()
        for name in ("agent.toml", "agent.crt", "ca.crt"):
            (self.dir / name).unlink()
        self.joined(self.first_token)
        self.assertEqual((self.dir / "agent.crt").read_bytes(), certificate)

    def test_a_token_comes_from_a_file_or_standard_input(self):
        file = self.mesh.dir / "token"
        file.write_text(self.first_token + "\n")
        self.joined("--token-file", file)
        self.joined("--token-file", "-", name="nas2", dir=self.mesh.dir / "nas2", input=self.new_token() + "\n")
        self.assertEqual(self.join("--token-file", self.mesh.dir / "none", dir=self.mesh.dir / "nas3").returncode, 2)

    def test_what_is_no_token_is_exit_2(self):
        for text in ("x", "fl1_", self.first_token[:-1], self.first_token.replace("a", "b", 1) + "a"):
            self.refused("token_malformed", text, exit_code=2)
        self.assertEqual(self.files(), {})

    def test_a_server_of_another_ca_never_hears_the_secret(self):
        """The address of the token is somebody else's now: right names, other CA."""
        self.rendezvous.stop()
        other = self.mesh.dir / "other"
        made = run_program("fairlead-rendezvous", "setup", "--public", f"{LOOPBACK}:{self.port}", "--dir", other)
        self.assertEqual(made.returncode, 0, made.stderr)
        impostor = self.mesh.run_rendezvous("other", other / "rendezvous.toml")
        self.refused("ca_mismatch", self.first_token)
        self.assertNotIn("agent.toml", self.files())
        self.assertFalse(impostor.records(msg="a device was not let in"))
