//! The program itself, as somebody runs it: arguments, signals, standard output. Its time is the machine's.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Ask, PATIENCE, Reply, Setup, World, free_port};

pub struct Process {
    child: Child,
    admin: std::net::SocketAddr,
    folder: PathBuf,
}

impl World {
    /// The world around a program that runs for itself.
    pub async fn around_a_process(change: impl FnOnce(&mut Setup)) -> (World, Process) {
        let admin = free_port();
        let world = World::on(tokigate::testing::Clock::system(), |setup| {
            setup.set("", "admin_listen", &format!("\"127.0.0.1:{admin}\""));
            change(setup);
        });
        let world = world.await;
        let mut process = Process::start(&world.setup.toml(), admin);
        process.until_ready().await;
        (world, process)
    }
}

impl Process {
    /// As whoever has bound its sockets starts it: by a line of shell, in which `"$@"` is the program, `$OUT` where its output goes, and standard input and
    /// output are the sockets.
    pub fn launched(toml: &str, line: &str, sockets: [OwnedFd; 2]) -> Process {
        let admin = free_port();
        let folder = folder_of(
            admin,
            &toml.replace("admin_listen = \"127.0.0.1:0\"", &format!("admin_listen = \"127.0.0.1:{admin}\"")),
        );
        let [first, second] = sockets.map(Stdio::from);
        let child = Command::new("/bin/sh")
            .args(["-c", line, "sh", env!("CARGO_BIN_EXE_tokigate"), "run", "--config"])
            .arg(folder.join("config.toml"))
            .env_clear()
            .env("OUT", folder.join("out"))
            .stdin(first)
            .stdout(second)
            .stderr(std::fs::File::create(folder.join("err")).unwrap())
            .spawn()
            .unwrap();
        Process { child, admin: ([127, 0, 0, 1], admin).into(), folder }
    }

    fn start(toml: &str, admin: u16) -> Process {
        let folder = folder_of(admin, toml);
        let file = |name: &str| Stdio::from(std::fs::File::create(folder.join(name)).unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_tokigate"))
            .args(["run", "--config"])
            .arg(folder.join("config.toml"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap();
        Process { child, admin: ([127, 0, 0, 1], admin).into(), folder }
    }

    pub async fn until_ready(&mut self) {
        for _ in 0..1000 {
            assert!(self.child.try_wait().unwrap().is_none(), "{}", self.said());
            if tokio::net::TcpStream::connect(self.admin).await.is_ok() && self.ask("/readyz").await.status == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("ready in time: {}", self.said());
    }

    /// The admin listener.
    pub async fn ask(&self, target: &str) -> Reply {
        Ask::plain(target).send(self.admin, "localhost").await
    }

    /// Standard output.
    pub fn out(&self) -> String {
        std::fs::read_to_string(self.folder.join("out")).unwrap()
    }

    /// Everything it wrote.
    pub fn said(&self) -> String {
        self.out() + &std::fs::read_to_string(self.folder.join("err")).unwrap()
    }

    /// Each line of standard output.
    pub fn log(&self) -> Vec<serde_json::Value> {
        let out = self.out();
        out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Bytes that it has in memory now.
    pub fn resident(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that it has ever had.
    pub fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Its exit status, once it has ended.
    pub async fn exit(&mut self) -> Option<i32> {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends in time")
    }
}

/// With the configuration in it.
fn folder_of(admin: u16, toml: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tokigate-process-{admin}"));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), toml).unwrap();
    folder
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
