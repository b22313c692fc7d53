//! `setup weights` against a server on loopback that truncates, lies, stalls and redirects.

mod server;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::support::{Project, in_group, press_ctrl_c, run};
use server::{Answer, Server};

/// A project, a file of 300 kB without a pattern, and its name.
struct Fixture {
    project: Project,
    content: Vec<u8>,
    name: String,
}

impl Fixture {
    fn new() -> Self {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let content: Vec<u8> = (0..300_000).map(|_| next()).collect();
        let hash = Sha256::digest(&content);
        let digits = format!("{:08x}", u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]));
        Self { project: Project::new(), content, name: format!("net-{digits}.pth") }
    }

    /// `setup weights` with one client alone on the PATH.
    fn setup(&self, client: &str, server: &Server) -> Command {
        self.setup_with(client, server, "2")
    }

    fn setup_with(&self, client: &str, server: &Server, stall: &str) -> Command {
        let bin = self.project.root().join("bin");
        fs::create_dir_all(&bin).unwrap();
        let link = bin.join(client);
        if !link.exists() {
            std::os::unix::fs::symlink(program(client).unwrap(), link).unwrap();
        }
        let mut command = self.project.xtask(&["setup", "weights", &self.name, "--stall", stall]);
        command.env("PATH", &bin).env("TAILMARK_WEIGHTS_URL", &server.address);
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command
    }

    fn file(&self, suffix: &str) -> Option<Vec<u8>> {
        fs::read(self.path(suffix)).ok()
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.project.root().join("data/models").join(format!("{}{suffix}", self.name))
    }

    #[track_caller]
    fn is_whole(&self) {
        assert!(self.file("").as_ref() == Some(&self.content), "not the file");
        assert!(self.file(".part").is_none() && self.file(".wrong").is_none());
    }
}

fn program(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/local/bin"]
        .map(|f| PathBuf::from(f).join(name))
        .into_iter()
        .find(|p| p.exists())
}

/// The clients of this machine; a test without any would prove nothing.
fn clients() -> Vec<&'static str> {
    let found: Vec<&str> =
        ["curl", "wget"].into_iter().filter(|name| program(name).is_some()).collect();
    assert!(!found.is_empty(), "neither curl nor wget is here");
    found
}

#[test]
fn weights_arrive_once() {
    for client in clients() {
        let fixture = Fixture::new();
        let server = Server::new(&fixture.content, &[Answer::Redirect, Answer::Whole]);
        run(&mut fixture.setup(client, &server))
            .with_exit(0)
            .saying(&["has the digest of its name"]);
        fixture.is_whole();
        run(&mut fixture.setup(client, &server)).with_exit(0).saying(&["already there"]);
        assert_eq!(server.asked(), [None, None], "{client}: the redirect and the file");
    }
}

#[test]
fn a_truncated_transfer_goes_on_where_it_stopped() {
    for client in clients() {
        let fixture = Fixture::new();
        let server = Server::new(
            &fixture.content,
            &[Answer::Cut(100_000), Answer::Cut(50_000), Answer::Whole],
        );
        run(&mut fixture.setup(client, &server)).with_exit(0).saying(&["going on"]);
        fixture.is_whole();
        assert_eq!(server.asked(), [None, Some(100_000), Some(150_000)], "{client}");
    }
}

#[test]
fn a_server_that_stalls_is_left_and_what_arrived_is_kept() {
    for client in clients() {
        let fixture = Fixture::new();
        let server = Server::new(&fixture.content, &[Answer::Stall(120_000), Answer::Stall(0)]);
        let started = Instant::now();
        run(&mut fixture.setup(client, &server)).with_exit(4).saying(&[
            "nothing arrived for 2 s",
            "0.1 MB are kept in data/models/",
            "weights = \"synthetic\"",
        ]);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_eq!(fixture.file(".part").map(|part| part.len()), Some(120_000), "{client}");
        let server = Server::new(&fixture.content, &[Answer::Whole]);
        run(&mut fixture.setup(client, &server)).with_exit(0);
        fixture.is_whole();
        assert_eq!(server.asked(), [Some(120_000)]);
    }
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    for client in clients() {
        let fixture = Fixture::new();
        let server = Server::new(&fixture.content, &[Answer::NoRangeCut(100_000), Answer::NoRange]);
        run(&mut fixture.setup(client, &server)).with_exit(0);
        fixture.is_whole();
    }
}

#[test]
fn another_file_is_set_aside() {
    for client in clients() {
        let fixture = Fixture::new();
        let server = Server::new(&fixture.content, &[Answer::Other]);
        run(&mut fixture.setup(client, &server)).with_exit(4).saying(&[
            "is another file; it was set aside",
            "expected SHA-256",
            "found    SHA-256",
        ]);
        assert!(fixture.file("").is_none() && fixture.file(".part").is_none());
        assert_eq!(fixture.file(".wrong").map(|file| file.len()), Some(300_000));
        // a damaged file under the right name is not taken for the right one
        fs::write(fixture.path(""), "damaged").unwrap();
        let server = Server::new(&fixture.content, &[Answer::Whole]);
        run(&mut fixture.setup(client, &server)).with_exit(0).saying(&["set aside"]);
        assert_eq!(fixture.file(""), Some(fixture.content.clone()));
    }
}

#[test]
fn a_kept_beginning_of_another_file_is_given_up() {
    for (client, kept) in
        clients().into_iter().flat_map(|c| [(c, 1000), (c, 300_000), (c, 400_000)])
    {
        let fixture = Fixture::new();
        fs::create_dir_all(fixture.path("").parent().unwrap()).unwrap();
        fs::write(fixture.path(".part"), vec![7; kept]).unwrap();
        let server = Server::new(&fixture.content, &[Answer::Whole]);
        run(&mut fixture.setup(client, &server)).with_exit(0).saying(&["fetching from the start"]);
        fixture.is_whole();
    }
}

#[test]
fn a_whole_part_needs_no_server() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.path("").parent().unwrap()).unwrap();
    fs::write(fixture.path(".part"), &fixture.content).unwrap();
    let server = Server::new(&fixture.content, &[Answer::Missing]);
    run(&mut fixture.setup(clients()[0], &server)).with_exit(0);
    fixture.is_whole();
    assert!(server.asked().is_empty());
}

#[test]
fn without_the_file_or_the_network_the_synthetic_path_is_named() {
    for client in clients() {
        let fixture = Fixture::new();
        let server = Server::new(&fixture.content, &[Answer::Missing]);
        let hint = "weights = \"synthetic\"";
        run(&mut fixture.setup(client, &server)).with_exit(4).saying(&[
            "404",
            "nothing arrived",
            hint,
        ]);
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let nobody = Server { address: format!("http://{closed}"), asked: Arc::default() };
        run(&mut fixture.setup(client, &nobody))
            .with_exit(4)
            .saying(&["could not be fetched", hint]);
        assert!(fixture.file(".part").is_none(), "an empty beginning is not kept");
    }
    let fixture = Fixture::new();
    run(fixture
        .project
        .xtask(&["setup", "weights", &fixture.name])
        .env("PATH", fixture.project.root()))
    .with_exit(4)
    .saying(&["neither curl nor wget", "data/models"]);
}

#[test]
fn a_disk_that_is_full_keeps_what_fits() {
    for client in clients() {
        let fixture = Fixture::new();
        let server = Server::new(&fixture.content, &[Answer::Whole]);
        let setup = fixture.setup(client, &server);
        // files of at most 64 blocks of 512 or 1024 bytes, as on a disk with no more room
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ulimit -f 64; exec \"$@\"", "sh"]).arg(setup.get_program());
        command.args(setup.get_args()).current_dir(fixture.project.root());
        for (key, value) in setup.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        run(&mut command).with_exit(4).saying(&["could not be fetched", "are kept in"]);
        let kept = fixture.file(".part").map_or(0, |part| part.len());
        assert!((1..=65_536).contains(&kept), "{client}: {kept}");
        run(&mut fixture.setup(client, &server)).with_exit(0);
        fixture.is_whole();
    }
}

#[test]
fn ctrl_c_keeps_what_arrived() {
    for client in clients() {
        let fixture = Fixture::new();
        let server = Server::new(&fixture.content, &[Answer::Stall(90_000)]);
        let mut command = fixture.setup_with(client, &server, "60");
        let mut child = in_group(command.stderr(Stdio::null()));
        let started = Instant::now();
        while fixture.file(".part").is_none_or(|part| part.len() < 90_000) {
            assert!(started.elapsed() < Duration::from_secs(30), "nothing arrived");
            thread::sleep(Duration::from_millis(20));
        }
        press_ctrl_c(&child);
        assert_eq!(child.wait().unwrap().code(), Some(5), "{client}");
        assert_eq!(fixture.file(".part").map(|part| part.len()), Some(90_000));
    }
}

/// The signals are ours from the first file to the last, also while nothing is transferred.
#[test]
fn ctrl_c_between_two_transfers_ends_the_command() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let fixture = Fixture::new();
        let server = Server::new(&fixture.content, &[Answer::Whole]);
        let mut command = fixture.setup(clients()[0], &server);
        command.arg("other-01234567.pth");
        // as another command would that fetches the same file: this one waits for it
        let held = fixture.path("").with_file_name("other-01234567.pth.part");
        fs::create_dir_all(held.parent().unwrap()).unwrap();
        let held = fs::File::create(held).unwrap();
        held.lock().unwrap();
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains("waiting for another `setup weights`")));
        fixture.is_whole();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let asked = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if asked.elapsed() > Duration::from_secs(10) {
                child.kill().unwrap();
                panic!("{signal} was ignored");
            }
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(child.wait().unwrap().code(), Some(5), "{signal}");
        assert!(said.any(|line| line.unwrap().contains("interrupted; nothing arrived")));
        assert_eq!(server.asked(), [None], "the second file was not asked for");
    }
}

#[test]
fn names_are_known_or_refused() {
    let project = Project::new();
    run(&mut project.xtask(&["setup", "weights", "resnet51"])).with_exit(2).saying(&[
        "no weights are known for \"resnet51\"",
        "did you mean",
        "resnet152",
    ]);
    run(&mut project.xtask(&["setup", "weights"])).with_exit(2);
    run(&mut project.xtask(&["setup", "cpu", "resnet50"]))
        .with_exit(2)
        .saying(&["only `setup weights`"]);
}
